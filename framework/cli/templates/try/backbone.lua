-- The backbone in a small experiment: `{{run}}`

local data = lapidary.dataset("data/films.toml")
local split = data:leave_one_out { max_len = 20 }

local ways = {}
for _, name in ipairs { "sasrec", "{{name}}" } do
  local base = lapidary.base_embedder(name, { dim = 16 }):fit(split, { epochs = 3 })
  ways[#ways + 1] = { name, { base:evaluate(split.test) } }
end
print(lapidary.compare(ways))
