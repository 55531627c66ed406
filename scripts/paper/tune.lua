-- One search for the base and one for the refined embedding: the same ranges, trials and epochs, each by its own validation.
-- What it finds belongs into configs/experiments/; the base that the refinement starts from is the best one found.
--   lapidary run scripts/paper/tune.lua --set domain=movies --set backbone=sasrec --set trials=12 --set epochs=27

local domain = lapidary.setting("domain", "movies")
local backbone = lapidary.setting("backbone", "sasrec")
local trials = lapidary.setting("trials", 12)
local epochs = lapidary.setting("epochs", 27)
local config = lapidary.config(lapidary.setting("config", "configs/experiments/" .. domain .. ".toml"))
local tuned = config[backbone]

local data = lapidary.dataset(lapidary.setting("data", config.data))
local split = data:leave_one_out { max_len = config.max_len }
local llm = lapidary.llm("local", { model = lapidary.setting("model", "smollm2-135m-instruct"), dtype = config.llm_dtype })
local guided = lapidary.prompt("score_phrases", { attributes = config.attributes }):score(llm, split)

-- Ranges of a backbone's own settings, by their names.
local own = ({
  sasrec = { dropout = { 0.2, 0.3, 0.5, 0.6 } },
  esasrec = { dropout = { 0.2, 0.3, 0.5, 0.6 } },
  bert4rec = { dropout = { 0.1, 0.2, 0.3 }, mask_probability = { 0.2, 0.4, 0.6 } },
  gru4rec = { dropout_embedding = { 0.1, 0.3, 0.5 }, dropout_hidden = { 0, 0.2, 0.4 } },
})[backbone]
local of_training = { learning_rate = lapidary.log_uniform(3e-4, 5e-3) }

local function apart(settings)
  local backbones, training = {}, {}
  for name in pairs(own) do backbones[name] = settings[name] end
  for name in pairs(of_training) do training[name] = settings[name] end
  return lapidary.with(tuned.backbone, backbones), training
end

local function search(name, more, run)
  local found = lapidary.search {
    space = lapidary.with(lapidary.with(own, of_training), more),
    trials = trials, epochs = epochs, min_epochs = lapidary.setting("min_epochs", 3), seed = 1, name = name,
    run = run,
  }
  print(name .. "\n" .. tostring(found))
  return found
end

local last
local base = search("base", {}, function(settings, most)
  local backbones, training = apart(settings)
  last = lapidary.base_embedder(backbone, lapidary.with(backbones, { dim = config.dim }))
    :fit(split, lapidary.with(tuned.base_training, lapidary.with(training, { epochs = most, patience = 0, seed = 1 })))
  return last
end)

-- A dry run finds no best base.
local start = base.model or last
local refined = search("refined", { alpha = lapidary.log_uniform(0.25, 4) }, function(settings, most)
  local backbones, training = apart(settings)
  local parts = { base = start, reducer = lapidary.reducer(tuned.reducer), guided = guided, dim = config.dim }
  local embedding = lapidary.refine(lapidary.with(parts, lapidary.with(tuned.refine, { alpha = settings.alpha })))
  return lapidary.backbone(backbone, backbones)
    :fit(split, embedding, lapidary.with(tuned.training, lapidary.with(training, { epochs = most, patience = 0, seed = 1 })))
end)

if base.value and refined.value then
  print(string.format("best of validation: base %.4f, refined %.4f", base.value, refined.value))
end
