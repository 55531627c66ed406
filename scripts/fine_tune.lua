-- Fine-tunes the language model on recommendation (LoRA), has it score the users again, and sets both beside the base.
-- The items' scores stay those of the model as it was. An interrupted run goes on where it stopped.

local epochs = lapidary.setting("epochs", 40)
local training = { epochs = epochs, patience = 4, batch_size = 128, seed = lapidary.seed }

local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/movietweetings-100k.toml"))
local split = data:leave_one_out { max_len = 50 }
local llm = lapidary.llm("local", { model = lapidary.setting("model", "smollm2-135m-instruct") })
local prompt = lapidary.prompt("score_phrases", {
  attributes = "configs/attributes/movies.toml",
  history = lapidary.setting("history", 5),
  title_length = lapidary.setting("title_length", 40),
})

-- 1. The model as it was.
local before = prompt:score(llm, split, { users = "asked" })

-- 2. Fine-tuning: what a user is told to like should score high the film that came next. Two phrases an attribute do.
local tuned = prompt:fine_tune(llm, split, before, {
  users = lapidary.setting("users", 64),
  epochs = lapidary.setting("tuning_epochs", 2),
  phrases = 2,
  validation_cases = lapidary.setting("validation_cases", 128),
  negatives = lapidary.setting("negatives", 64),
})
local history = tuned:history()
for _, epoch in ipairs(history and history.epochs or {}) do
  local metric, value = table.unpack(epoch.validation[1])
  local loss = epoch.loss and string.format("loss %.3f", epoch.loss) or "as it was"
  print(string.format("epoch %d: %s, %s %.4f", epoch.epoch, loss, metric, value))
end

-- 3. Users as the tuned model sees them, beside the same items.
local after = prompt:score(tuned.llm, split, { users = "asked", items = before })

local base = lapidary.base_embedder("sasrec", { dim = 64, layers = 1, heads = 1 }):fit(split, training)
local function refined(guided)
  local embedding = lapidary.refine { base = base, reducer = lapidary.reducer("pca"), guided = guided }
  local model = lapidary.backbone("sasrec", { layers = 1, heads = 1 }):fit(split, embedding, training)
  return { model:evaluate(split.test) }
end
print(lapidary.compare {
  { "base", { base:evaluate(split.test) } },
  { "as it was", refined(before) },
  { "fine-tuned", refined(after) },
  name = "fine_tuning",
})
if tuned.folder then print("The adapter, as PEFT stores it: " .. tuned.folder) end
