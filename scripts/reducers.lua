-- A loop over reducers: loops, functions and tables of Lua are the sweep language.
-- Finished stages are kept, so that a second run, or one with a longer list, computes only what is new.

local dim = lapidary.setting("dim", 32)
local epochs = lapidary.setting("epochs", 10)
local training = { epochs = epochs, patience = 3, seed = lapidary.seed }

local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/movietweetings.toml"))
local split = data:leave_one_out { max_len = 30 }
-- Or bpr_mf, item2vec, lightgcn, any backbone; lapidary.precomputed(file, { ids = file }):fit(split) takes vectors of your own.
local base = lapidary.base_embedder(lapidary.setting("base", "ppmi_svd"), { dim = 2 * dim }):fit(split)

local ways = {}
for _, name in ipairs { "pca", "whitening", "truncated_svd", "autoencoder", "random_projection" } do
  local reduced = lapidary.refine { base = base, reducer = lapidary.reducer(name), dim = dim, users = "hidden" }
  local model = lapidary.backbone("sasrec", { layers = 1, heads = 1 }):fit(split, reduced, training)
  ways[#ways + 1] = { name, { model:evaluate(split.test) } }
end
ways.name = "reducers"
print(lapidary.compare(ways))
