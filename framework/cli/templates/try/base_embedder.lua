-- The base embedder in a small experiment: `{{run}}`

local data = lapidary.dataset("data/films.toml")
local split = data:leave_one_out { max_len = 20 }

local ways = {}
for _, name in ipairs { "ppmi_svd", "{{name}}" } do
  local base = lapidary.base_embedder(name, { dim = 8 }):fit(split)
  local refined = lapidary.refine { base = base, users = "hidden" }
  local model = lapidary.backbone("sasrec", { layers = 1, heads = 1 }):fit(split, refined, { epochs = 3 })
  ways[#ways + 1] = { name, { model:evaluate(split.test) } }
end
print(lapidary.compare(ways))
