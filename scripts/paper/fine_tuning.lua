-- Users as the language model sees them, as it comes and fine-tuned on recommendation, beside users as the mean over their history.
-- The items' scores are the same in all.
--   lapidary run scripts/paper/fine_tuning.lua --set domain=movies --set backbone=sasrec

local domain = lapidary.setting("domain", "movies")
local backbone = lapidary.setting("backbone", "sasrec")
local seeds = lapidary.setting("seeds", 3)
local config = lapidary.config(lapidary.setting("config", "configs/experiments/" .. domain .. ".toml"))
local tuned = config[backbone]

local data = lapidary.dataset(lapidary.setting("data", config.data))
local split = data:leave_one_out { max_len = config.max_len }
local llm = lapidary.llm("local", { model = lapidary.setting("model", "smollm2-135m-instruct"), dtype = config.llm_dtype })
local guided = lapidary.prompt("score_phrases", { attributes = config.attributes }):score(llm, split)

-- What a user is asked about: the last titles of the history, cut.
local prompt = lapidary.prompt("score_phrases", {
  attributes = config.attributes,
  history = lapidary.setting("history", 5),
  title_length = lapidary.setting("title_length", 40),
})
local zero_shot = prompt:score(llm, split, { users = "asked", items = guided })
local fine_tuned = prompt:fine_tune(llm, split, zero_shot, {
  users = lapidary.setting("users", 256),
  epochs = lapidary.setting("epochs", 2),
  phrases = 2,
  validation_cases = lapidary.setting("validation_cases", 128),
  negatives = lapidary.setting("negatives", 64),
})
local history = fine_tuned:history()
for _, epoch in ipairs(history and history.epochs or {}) do
  local metric, value = table.unpack(epoch.validation[1])
  local loss = epoch.loss and string.format("loss %.3f", epoch.loss) or "as it was"
  print(string.format("epoch %d: %s, %s %.4f", epoch.epoch, loss, metric, value))
end
local asked_again = prompt:score(fine_tuned.llm, split, { users = "asked", items = guided })

local ways = {
  { "base" },
  { "mean of the history", guided },
  { "asked, zero-shot", zero_shot },
  { "asked, fine-tuned", asked_again },
}
local runs = {}
for number, way in ipairs(ways) do runs[number] = { way[1], {} } end
for seed = 1, seeds do
  local base = lapidary.base_embedder(backbone, lapidary.with(tuned.backbone, { dim = config.dim }))
    :fit(split, lapidary.with(tuned.base_training, { seed = seed }))
  for number, way in ipairs(ways) do
    local model = base ---@type any
    if way[2] then
      local parts = { base = base, reducer = lapidary.reducer(tuned.reducer), guided = way[2], dim = config.dim }
      model = lapidary.backbone(backbone, tuned.backbone)
        :fit(split, lapidary.refine(lapidary.with(parts, tuned.refine)), lapidary.with(tuned.training, { seed = seed }))
    end
    runs[number][2][seed] = model:evaluate(split.test)
    print(string.format("seed %d, %s: %s", seed, way[1], runs[number][2][seed]))
  end
end
runs.name = "fine_tuning"
print(lapidary.compare(runs))
