-- One base embedding, trained and evaluated: small enough to be swept over, see scripts/sweep.lua.

local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/movietweetings.toml"))
local split = data:leave_one_out { max_len = lapidary.setting("max_len", 50) }
local embedder = lapidary.base_embedder(lapidary.setting("backbone", "sasrec"), { dim = lapidary.setting("dim", 64) })
local base = embedder:fit(split, { epochs = lapidary.setting("epochs", 10) })
print(base:evaluate(split.test))
