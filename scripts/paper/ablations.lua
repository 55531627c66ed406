-- What each choice of the refinement is worth: the tuned refined embedding, and it with one thing changed.
--   lapidary run scripts/paper/ablations.lua --set domain=movies --set backbone=sasrec

local domain = lapidary.setting("domain", "movies")
local backbone = lapidary.setting("backbone", "sasrec")
local seeds = lapidary.setting("seeds", 3)
local config = lapidary.config(lapidary.setting("config", "configs/experiments/" .. domain .. ".toml"))
local tuned = config[backbone]

local data = lapidary.dataset(lapidary.setting("data", config.data))
local split = data:leave_one_out { max_len = config.max_len }
local llm = lapidary.llm("local", { model = lapidary.setting("model", "smollm2-135m-instruct"), dtype = config.llm_dtype })
local guided = lapidary.prompt("score_phrases", { attributes = config.attributes }):score(llm, split)

local bases = {}
local function base_of(dim, seed)
  local key = dim .. " " .. seed
  bases[key] = bases[key] or lapidary.base_embedder(backbone, lapidary.with(tuned.backbone, { dim = dim }))
    :fit(split, lapidary.with(tuned.base_training, { seed = seed }))
  return bases[key]
end

-- The first way is the one that the others change; `guided` and `reducer` can be left out by `false`.
---@type any[][]
local ways = {
  { "refined", {} },
  { "guided only", { reducer = false, dim = #guided.attributes, reduced_dim = 0, users = "backbone" } },
  { "reduced only", { guided = false, dim = config.dim - #guided.attributes } },
  { "reduced part frozen", { reduced_trainable = false } },
  { "guided part trainable", { guided_trainable = true } },
  { "users by the backbone", { users = "backbone" } },
  { "users by the hidden state", { users = "hidden" } },
  { "untied output table", { tied = false } },
  { "cosine scores", { score = "cosine", temperature = 0.05, temperature_trainable = true } },
}
for _, name in ipairs { "min_max", "l2", "none" } do
  ways[#ways + 1] = { "normalise = " .. name, { normalise = name } }
end
for _, name in ipairs { "truncated_svd", "whitening", "autoencoder", "random_projection" } do
  ways[#ways + 1] = { name, { reducer = lapidary.reducer(name) } }
end
for _, count in ipairs { 3, 6 } do
  local first = {}
  for n = 1, count do first[n] = guided.attributes[n] end
  ways[#ways + 1] = { count .. " attributes", { attributes = first } }
end
for _, dim in ipairs { 32, 128 } do
  ways[#ways + 1] = { "base of width " .. dim, {}, dim, "base" }
  ways[#ways + 1] = { "refined of width " .. dim, { dim = dim }, dim }
end

local runs = {}
for number, way in ipairs(ways) do
  local name, change, dim, plain = way[1], way[2], way[3] or config.dim, way[4]
  local evaluations = {}
  for seed = 1, seeds do
    local model = base_of(dim, seed)
    if not plain then
      local parts = { base = model, reducer = lapidary.reducer(tuned.reducer), guided = guided, dim = dim }
      local settings = lapidary.with(parts, lapidary.with(tuned.refine, change))
      settings.reducer = settings.reducer or nil
      settings.guided = settings.guided or nil
      if not settings.guided then settings.users = "hidden" end
      model = lapidary.backbone(backbone, tuned.backbone)
        :fit(split, lapidary.refine(settings), lapidary.with(tuned.training, { seed = seed }))
    end
    evaluations[seed] = model:evaluate(split.test)
  end
  runs[number] = { name, evaluations }
  print(string.format("%s: %s", name, evaluations[1]))
end
runs.name = "ablations"
print(lapidary.compare(runs))
