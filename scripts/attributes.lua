-- Attributes for a new domain: a language model proposes them from a sample of items, a person edits the file. Small
-- models are poor at this; ask one behind a server, or a local one of some billion weights.
--   lapidary run scripts/attributes.lua --set data=FILE.toml --set item=novel --set items=novels --set verb=read

local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/movietweetings.toml"))
local base_url = lapidary.setting("base_url", "")
local llm = base_url ~= ""
  and lapidary.llm("openai", { base_url = base_url, model = lapidary.setting("server_model", "") })
  or lapidary.llm("local", { model = lapidary.setting("model", "smollm2-135m-instruct") })

local proposed = llm:propose_attributes(data, {
  attributes = lapidary.setting("attributes", 10),
  sample = lapidary.setting("sample", 30),
  item = lapidary.setting("item", "item"),
  items = lapidary.setting("items", "items"),
  verb = lapidary.setting("verb", "chose"),
})
if proposed then
  print(proposed.text)
  print("Copy " .. proposed.file .. " to where you keep attributes, edit it, and see which of them tell items apart.")
end
