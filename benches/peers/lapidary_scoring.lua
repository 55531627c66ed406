-- Scores of all items by the likelihood of phrases, for the comparison with peers.
--   lapidary run benches/peers/lapidary_scoring.lua --set data=FILE.toml

local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/movietweetings.toml"))
local split = data:leave_one_out { max_len = 50 }
local llm = lapidary.llm("local", { model = lapidary.setting("model", "smollm2-135m-instruct"), dtype = lapidary.setting("dtype", "f32") })
local attributes = lapidary.setting("attributes", "configs/attributes/movies.toml")
lapidary.prompt("score_phrases", { attributes = attributes }):score(llm, split, { users = "none" })
