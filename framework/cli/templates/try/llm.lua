-- The language model in a small experiment: `{{run}}`

local data = lapidary.dataset("data/films.toml")
local split = data:leave_one_out { max_len = 20 }

local llm = lapidary.llm("{{name}}")
local guided = lapidary.prompt("score_phrases", { attributes = "data/attributes.toml" }):score(llm, split)
for _, attribute in ipairs(guided.attributes) do
  print(string.format("%-10s %s", attribute, table.concat(guided:highest(attribute, 3), ", ")))
end
