-- The reducer in a small experiment: `{{run}}`

local data = lapidary.dataset("data/films.toml")
local split = data:leave_one_out { max_len = 20 }
local base = lapidary.base_embedder("ppmi_svd", { dim = 24 }):fit(split)

local ways = {}
for _, name in ipairs { "pca", "{{name}}" } do
  local reduced = lapidary.refine { base = base, reducer = lapidary.reducer(name), dim = 8, users = "hidden" }
  local model = lapidary.backbone("sasrec", { layers = 1, heads = 1 }):fit(split, reduced, { epochs = 3 })
  ways[#ways + 1] = { name, { model:evaluate(split.test) } }
end
print(lapidary.compare(ways))
