-- A backbone for the comparison with peers: trained for a number of epochs, then, if told so, asked for every test item.
--   lapidary run benches/peers/lapidary.lua --set data=FILE.toml --set model=sasrec --set epochs=2 --set rank=true

local epochs = lapidary.setting("epochs", 2)
local every = lapidary.setting("validate_every", 0)
local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/ml-1m-sasrec.toml"))
local split = data:leave_one_out { max_len = lapidary.setting("max_len", 50) }
local model = lapidary.setting("model", "sasrec")
local settings = ({
  sasrec = { dim = 64, layers = 2, heads = 2, dropout = 0.2 },
  bert4rec = { dim = 64, layers = 2, heads = 2, dropout = 0.2, mask_probability = 0.15 },
  gru4rec = { dim = 64, layers = 1, dropout_embedding = 0.2, dropout_hidden = 0 },
})[model]
local base = lapidary.base_embedder(model, settings):fit(split, {
  epochs = epochs, batch_size = lapidary.setting("batch_size", 256), checkpoint_every = epochs,
  learning_rate = lapidary.setting("learning_rate", 0.001),
  loss = lapidary.setting("loss", "cross_entropy"), negatives = lapidary.setting("negatives", 1),
  patience = every > 0 and lapidary.setting("patience", 6) or 0, validate_every = every > 0 and every or epochs,
  seed = lapidary.setting("seed", 1),
})
if lapidary.setting("rank", true) then
  print(base:evaluate(split.test))
end
