-- A base on ml-1m (whose settings stand in the configuration: SASRec) against published numbers: leave-one-out, whole catalogue, sequences of up to 200.
--   lapidary run scripts/paper/published.lua --set backbone=sasrec

local backbone = lapidary.setting("backbone", "sasrec")
local seeds = lapidary.setting("seeds", 1)
local config = lapidary.config(lapidary.setting("config", "configs/experiments/ml-1m.toml"))
local tuned = config[backbone]

local data = lapidary.dataset(config.data)
local split = data:leave_one_out { max_len = config.max_len }
print(split)

local runs = {}
for seed = 1, seeds do
  local base = lapidary.base_embedder(backbone, tuned.backbone):fit(split, lapidary.with(tuned.training, { seed = seed }))
  runs[seed] = base:evaluate(split.test)
  print(string.format("seed %d:\n%s", seed, runs[seed]))
end
print(lapidary.compare { { "popularity", { lapidary.popularity(split):evaluate(split.test) } }, { backbone, runs }, name = "published" })
