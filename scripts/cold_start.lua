-- Cold start: some items are held out of training, as if they were new and only their text were known. Guided scores
-- place them; how well, beside chance, popularity and a base that knows nothing of them?
--   lapidary run scripts/cold_start.lua --set data=configs/datasets/ml-1m.toml --set hold_out=0.1

local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/movietweetings.toml"))
local dim = lapidary.setting("dim", 64)
local training = { epochs = lapidary.setting("epochs", 50), patience = lapidary.setting("patience", 10) }
local backbone = { layers = lapidary.setting("layers", 2), heads = lapidary.setting("heads", 2), dropout = 0.2 }

local split = data:leave_one_out {
  max_len = lapidary.setting("max_len", 50),
  hold_out_items = lapidary.setting("hold_out", 0.1),
  seed = lapidary.seed,
}
print(split)

local llm = lapidary.llm("local", { model = lapidary.setting("model", "smollm2-135m-instruct") })
local attributes = lapidary.setting("attributes", "configs/attributes/movies.toml")
local guided = lapidary.prompt("score_phrases", { attributes = attributes }):score(llm, split)

local base = lapidary.base_embedder("sasrec", {
  dim = dim, layers = backbone.layers, heads = backbone.heads, dropout = backbone.dropout,
}):fit(split, training)

local function refined(rule)
  local embedding = lapidary.refine {
    base = base, reducer = lapidary.reducer("pca"), guided = guided, dim = dim, unseen = rule,
  }
  return lapidary.backbone("sasrec", backbone):fit(split, embedding, training)
end

local nearest = refined("nearest")
local ways = {
  { "chance", lapidary.chance(split) },
  { "popularity", lapidary.popularity(split) },
  { "base", base },
  { "refined, nearest", nearest },
  { "refined, zero", refined("zero") },
}
for _, among in ipairs { "cold", "all" } do
  local compared = { name = "cold_start_" .. among, metrics = { "mrr", "recall@10", "ndcg@10" } }
  for n, way in ipairs(ways) do
    compared[n] = { way[1], { way[2]:evaluate(split.cold, { among = among }) } }
  end
  print(among == "cold" and "Among the held-out items alone:" or "Among all items:")
  print(lapidary.compare(compared))
end
print("All others, with seen items removed: " .. tostring(nearest:evaluate(split.test)))
