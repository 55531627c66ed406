-- Components written in Lua, used by their names: the files in `components/` beside this script define them. Change one and
-- run again: what came out of it is computed anew, all else is loaded.

local dim = lapidary.setting("dim", 64)
local training = { epochs = lapidary.setting("epochs", 20), patience = 4, learning_rate = 0.001 }

local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/movietweetings.toml"))
local split = data:leave_one_out { max_len = 50 }

-- A base embedding, and a language model's guided scores, asked in a way of our own.
local base = lapidary.base_embedder("ppmi_svd", { dim = dim }):fit(split)
local llm = lapidary.llm("local", { model = "smollm2-135m-instruct" })
local guided = lapidary.prompt("score_contrast", { attributes = lapidary.setting("attributes", "configs/attributes/movies.toml") })
  :score(llm, split, { users = "history_mean" })
for _, attribute in ipairs(guided.attributes) do
  print(string.format("%-18s %s", attribute, table.concat(guided:highest(attribute, 3), ", ")))
end

-- Our reducer, and our backbone beside one that is built in.
local refined = lapidary.refine { base = base, guided = guided, reducer = lapidary.reducer("rotation"), dim = dim }
local ways = {}
for _, way in ipairs {
  { "min_gru", { layers = 1, dropout = 0.2 } },
  { "gru4rec", {} },
} do
  local name, settings = table.unpack(way)
  local model = lapidary.backbone(name, settings):fit(split, refined, training)
  ways[#ways + 1] = { name, { model:evaluate(split.test) } }
end
print(lapidary.compare(ways))
