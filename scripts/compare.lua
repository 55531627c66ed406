-- Base against refined on any data set: the experiment to copy and change. The refined embedding starts from the trained base, so
-- a third way shows what more training alone gives: the base's own table, trained on with the same settings.
--   lapidary run scripts/compare.lua --set data=configs/datasets/ml-1m.toml --set epochs=100

local path = lapidary.setting("data", "configs/datasets/movietweetings.toml")
local attributes = lapidary.setting("attributes", "configs/attributes/movies.toml")
local dim = lapidary.setting("dim", 64)
local seeds = lapidary.setting("seeds", 1)
local training = {
  epochs = lapidary.setting("epochs", 200),
  patience = lapidary.setting("patience", 10),
  learning_rate = lapidary.setting("learning_rate", 0.001),
  batch_size = lapidary.setting("batch_size", 256),
  validate_every = lapidary.setting("validate_every", 1),
}
local backbone = {
  layers = lapidary.setting("layers", 2),
  heads = lapidary.setting("heads", 2),
  dropout = lapidary.setting("dropout", 0.2),
}
local users = lapidary.setting("users", "history_mean")

local data = lapidary.dataset(path)
local split = data:leave_one_out { max_len = lapidary.setting("max_len", 50) }
print(data)
print(split)

local llm = lapidary.llm("local", { model = lapidary.setting("model", "smollm2-135m-instruct") })
local guided = lapidary.prompt("score_phrases", { attributes = attributes }):score(llm, split, { users = users })

local base_runs, continued_runs, refined_runs = {}, {}, {}
for seed = 1, seeds do
  local settings = lapidary.with(training, { seed = seed })
  local base = lapidary.base_embedder("sasrec", lapidary.with(backbone, { dim = dim })):fit(split, settings)
  local refined = lapidary.refine {
    base = base,
    reducer = lapidary.reducer(lapidary.setting("reducer", "pca")),
    guided = guided,
    dim = dim,
    alpha = lapidary.setting("alpha", 1.0),
  }
  local model = lapidary.backbone("sasrec", backbone):fit(split, refined, settings)
  local same = lapidary.refine { base = base, users = "hidden" }
  local continued = lapidary.backbone("sasrec", backbone):fit(split, same, settings)
  base_runs[seed] = base:evaluate(split.test)
  continued_runs[seed] = continued:evaluate(split.test)
  refined_runs[seed] = model:evaluate(split.test)
  print(string.format("seed %d, base:       %s", seed, base_runs[seed]))
  print(string.format("seed %d, trained on: %s", seed, continued_runs[seed]))
  print(string.format("seed %d, refined:    %s", seed, refined_runs[seed]))
end
print(lapidary.compare { { "base", base_runs }, { "trained on", continued_runs }, { "refined", refined_runs } })
