-- Whether the reasons hold: what the scores know of the items' categories, whether the parts of a score are what makes the ranking,
-- and whether a user who is moved along an attribute gets more of it.
--   lapidary run scripts/paper/reasons.lua --set domain=movies --set backbone=sasrec

local domain = lapidary.setting("domain", "movies")
local backbone = lapidary.setting("backbone", "sasrec")
local config = lapidary.config(lapidary.setting("config", "configs/experiments/" .. domain .. ".toml"))
local tuned = config[backbone]

local data = lapidary.dataset(lapidary.setting("data", config.data))
local split = data:leave_one_out { max_len = config.max_len }
local llm = lapidary.llm("local", { model = lapidary.setting("model", "smollm2-135m-instruct"), dtype = config.llm_dtype })
local guided = lapidary.prompt("score_phrases", { attributes = config.attributes }):score(llm, split)

-- Each attribute and the category that it tells best from the others; 0.5 is chance.
local best = {} ---@type table<string, any>
for _, found in ipairs(guided:agreement { least = lapidary.setting("least", 20) } or {}) do
  local known = best[found.attribute]
  if not known or found.auc > known.auc then best[found.attribute] = found end
end
for _, attribute in ipairs(guided.attributes) do
  local found = best[attribute]
  if found then
    print(string.format("%-18s tells %-20s area under the curve %.2f (%d items)", attribute, found.category, found.auc, found.items))
  end
end

local base = lapidary.base_embedder(backbone, lapidary.with(tuned.backbone, { dim = config.dim }))
  :fit(split, lapidary.with(tuned.base_training, { seed = 1 }))
local refined = lapidary.refine(lapidary.with({ base = base, reducer = lapidary.reducer(tuned.reducer), guided = guided, dim = config.dim }, tuned.refine))
local model = lapidary.backbone(backbone, tuned.backbone):fit(split, refined, lapidary.with(tuned.training, { seed = 1 }))

print(model:faithfulness(split.test, { remove = 3, seed = 1 }))
for _, attribute in ipairs(guided.attributes) do
  print(model:steering(split.test, { attribute = attribute, steps = { 0, 0.25, 0.5, 1, 2, 4 } }))
end
