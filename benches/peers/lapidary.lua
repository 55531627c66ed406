-- SASRec for the comparison with peers: trained for a number of epochs, then asked for every test item.
--   lapidary run benches/peers/lapidary_sasrec.lua --set data=FILE.toml --set epochs=2

local epochs = lapidary.setting("epochs", 2)
local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/ml-1m-sasrec.toml"))
local split = data:leave_one_out { max_len = lapidary.setting("max_len", 50) }
local base = lapidary.base_embedder("sasrec", { dim = 64, layers = 2, heads = 2, dropout = 0.2 }):fit(split, {
  epochs = epochs, batch_size = 256, learning_rate = 0.001, patience = 0, validate_every = epochs, seed = 1,
  checkpoint_every = epochs,
})
print(base:evaluate(split.test))
