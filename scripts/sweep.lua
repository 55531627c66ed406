-- Another script with many settings, each in a process of its own: two at a time, all combinations, with every seed.
-- Finished stages are shared through the store, so a second run computes only what is missing.
--   lapidary run scripts/sweep.lua --set script=scripts/base.lua --set at_once=4

local sweep = lapidary.sweep {
  script = lapidary.setting("script", "scripts/base.lua"),
  settings = {
    data = lapidary.setting("data", "configs/datasets/movietweetings.toml"),
    epochs = lapidary.setting("epochs", 10),
    backbone = { "sasrec", "gru4rec" },
    dim = { 32, 64 },
  },
  seeds = { 1, 2 },
  at_once = lapidary.setting("at_once", 2),
  metrics = { "ndcg@10", "recall@10" },
}
print(sweep)
