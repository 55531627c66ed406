-- What a language model behind an OpenAI-compatible server (vLLM, llama.cpp, Ollama, a hosted one) finds in the items:
--   lapidary run scripts/server.lua --set base_url=http://localhost:8000/v1 --set model=NAME
-- Where the server wants a key, put it into the environment variable OPENAI_API_KEY. What was answered is kept, also when
-- the server fails or the cap is reached: run again, and only the rest is asked.

local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/movietweetings.toml"))
local split = data:leave_one_out { max_len = 50 }

local llm = lapidary.llm("openai", {
  base_url = lapidary.setting("base_url", "http://localhost:8000/v1"),
  model = lapidary.setting("model", "default"),
  concurrency = lapidary.setting("concurrency", 4),
  max_total_tokens = lapidary.setting("max_total_tokens", 5000000),
  ledger = lapidary.setting("ledger", ""),
})

-- One answer an item: a JSON object with a number for every attribute, to whose form the server holds the model.
local guided = lapidary.prompt("score_json", { attributes = "configs/attributes/movies.toml", schema = true })
  :score(llm, split)

for _, attribute in ipairs(guided.attributes) do
  print(string.format("%-18s %s", attribute, table.concat(guided:highest(attribute, 3), ", ")))
end
local figures = guided:figures()
if figures then
  local items = figures.items
  print(string.format("%d asked, %d known, %d not readable", items.asked, items.cached, items.unread))
end
