-- The paper's main table, a domain and a backbone at a time: the refined embedding against the base embedding of equal width,
-- with controls for what else might make a difference.
--   lapidary run scripts/paper/base_vs_refined.lua --set domain=movies --set backbone=sasrec
--   python3 scripts/paper/results.py runs/…    # gathers the figures of runs into results.json and RESULTS.md

local domain = lapidary.setting("domain", "movies")
local backbone = lapidary.setting("backbone", "sasrec")
local seeds = lapidary.setting("seeds", 3)
local controls = lapidary.setting("controls", true)
local config = lapidary.config(lapidary.setting("config", "configs/experiments/" .. domain .. ".toml"))
local tuned = config[backbone]

local data = lapidary.dataset(lapidary.setting("data", config.data))
local split = data:leave_one_out { max_len = config.max_len }
print(data)
print(split)

local llm = lapidary.llm("local", { model = lapidary.setting("model", "smollm2-135m-instruct"), dtype = config.llm_dtype })
local guided = lapidary.prompt("score_phrases", { attributes = config.attributes }):score(llm, split)
print("guided scores " .. guided.fingerprint)

-- Scores of the same number and spread that mean nothing: each item gets another item's, or draws of chance.
local function brought(items)
  return lapidary.guided(split, { attributes = guided.attributes, items = items })
end
local items = guided:items()
local shuffled = brought(items and items:shuffled(1))
local random = brought(lapidary.normal(1, split.items, #guided.attributes))

local ways = {
  { "base" },
  -- As long again, from as warm a start.
  { "trained on", function(base) return lapidary.refine { base = base, users = "hidden" } end },
}
local function refined(name, scores, settings)
  ways[#ways + 1] = { name, function(base)
    local parts = { base = base, reducer = lapidary.reducer(tuned.reducer), guided = scores, dim = config.dim }
    return lapidary.refine(lapidary.with(parts, settings))
  end }
end
refined("refined", guided, tuned.refine)
if controls then
  refined("shuffled scores", shuffled, tuned.refine)
  refined("random scores", random, tuned.refine)
  -- What a language model that knew the genres would give.
  local names, members = data:categories { least = 50 }
  if #names > 0 then
    refined("oracle: genres", lapidary.guided(split, { attributes = names, items = members }), tuned.refine)
  end
end

local runs = {}
for number, way in ipairs(ways) do runs[number] = { way[1], {} } end
for seed = 1, seeds do
  local embedder = lapidary.base_embedder(backbone, lapidary.with(tuned.backbone, { dim = config.dim }))
  local base = embedder:fit(split, lapidary.with(tuned.base_training, { seed = seed }))
  for number, way in ipairs(ways) do
    local start = way[2]
    local model = base ---@type any
    if start then
      model = lapidary.backbone(backbone, tuned.backbone):fit(split, start(base), lapidary.with(tuned.training, { seed = seed }))
    end
    runs[number][2][seed] = model:evaluate(split.test)
    print(string.format("seed %d, %s: %s", seed, way[1], runs[number][2][seed]))
  end
end
runs.name = "base_vs_refined"
print(lapidary.compare(runs))
-- What is left of the gain when the base has trained as long.
print(lapidary.compare { runs[2], runs[3], name = "refined_vs_trained_on" })
