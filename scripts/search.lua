-- Search over the settings of the base, by successive halving: the base's own best setting is the base to compare with.
--   lapidary run scripts/search.lua --set data=configs/datasets/ml-1m.toml --set trials=27 --set epochs=81

local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/movietweetings.toml"))
local split = data:leave_one_out { max_len = lapidary.setting("max_len", 50) }
local backbone = lapidary.setting("backbone", "sasrec")

local found = lapidary.search {
  space = {
    learning_rate = lapidary.log_uniform(3e-4, 1e-2),
    dropout = { 0.1, 0.2, 0.3, 0.5 },
    layers = lapidary.integer(1, 3),
    dim = { 32, 64, 128 },
  },
  trials = lapidary.setting("trials", 9),
  method = lapidary.setting("method", "halving"),
  epochs = lapidary.setting("epochs", 27),
  run = function(settings, epochs)
    local embedder = lapidary.base_embedder(backbone, {
      dim = settings.dim, heads = 2, layers = settings.layers, dropout = settings.dropout,
    })
    return embedder:fit(split, { epochs = epochs, learning_rate = settings.learning_rate })
  end,
}
print(found)
print(found.model:evaluate(split.test))
