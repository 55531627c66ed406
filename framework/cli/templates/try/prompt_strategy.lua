-- The prompt strategy in a small experiment: `{{run}}`
-- `--set llm=NAME` asks another language model than the one that comes with Lapidary.

local data = lapidary.dataset("data/films.toml")
local split = data:leave_one_out { max_len = 20 }

local name = lapidary.setting("llm", "local")
local llm = lapidary.llm(name, name == "local" and { model = "smollm2-135m-instruct" } or {})
local guided = lapidary.prompt("{{name}}", { attributes = "data/attributes.toml" }):score(llm, split)
for _, attribute in ipairs(guided.attributes) do
  print(string.format("%-10s %s", attribute, table.concat(guided:highest(attribute, 3), ", ")))
end
