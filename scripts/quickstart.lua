-- The whole method once: interactions → base embedding → guided scores → refined embedding → ranking → reasons.
-- Run it again: every stage is kept, so that only what you changed is computed.

local seeds = lapidary.setting("seeds", 3)
local dim = lapidary.setting("dim", 64)
local epochs = lapidary.setting("epochs", 40)
local training = { epochs = epochs, patience = 4, learning_rate = 0.001, batch_size = 128 }
local backbone = { layers = 2, heads = 2, dropout = 0.3 }

-- 1. Data: every user's last film tests, the one before it validates, the others train.
local data = lapidary.dataset(lapidary.setting("data", "configs/datasets/movietweetings.toml"))
local split = data:leave_one_out { max_len = 50 }
print(data)
print(split)

-- 2. A language model scores each film on attributes that a person chose and can read.
local llm = lapidary.llm("local", { model = "smollm2-135m-instruct" })
local guided = lapidary.prompt("score_phrases", { attributes = "configs/attributes/movies.toml" })
  :score(llm, split, { users = "history_mean" })
print("\nWhat the language model finds in the films:")
for _, attribute in ipairs(guided.attributes) do
  print(string.format("  %-18s %s", attribute, table.concat(guided:highest(attribute, 3), ", ")))
end

-- 3. With each seed: a base embedding, its refinement of the same width, and a recommender on each.
local base_runs, refined_runs = {}, {}
local model ---@type lapidary.Model
for seed = 1, seeds do
  local settings = lapidary.with(training, { seed = seed })
  local base = lapidary.base_embedder("sasrec", { dim = dim, layers = 2, heads = 2, dropout = 0.3 }):fit(split, settings)
  local refined = lapidary.refine { base = base, reducer = lapidary.reducer("pca"), guided = guided, dim = dim }
  model = lapidary.backbone("sasrec", backbone):fit(split, refined, settings)
  base_runs[seed] = base:evaluate(split.test)
  refined_runs[seed] = model:evaluate(split.test)
end

-- 4. The same ranking of the whole catalogue for both, and for plain popularity as the floor.
local popular = lapidary.popularity(split):evaluate(split.test)
print("\nFull ranking of the test items (mean ± standard deviation over " .. seeds .. " seeds):")
print(lapidary.compare { { "base", base_runs }, { "refined", refined_runs }, { "popularity", { popular } } })
refined_runs[seeds]:export("refined")

-- 5. Why? The score of a recommendation, attribute by attribute.
for _, number in ipairs { 1, 2 } do
  local user = split.test:user(number)
  local best = model:recommend(user, { k = 1, before = split.test })[1]
  if best then
    print(string.format("\nUser %s: %s, because", user, best.title))
    local why = model:explain(user, best.item, { before = split.test })
    for _, part in ipairs(why.parts) do
      print(string.format("  %+7.3f  %-18s %s", part.value, part.attribute, part.words or ""))
    end
    print(string.format("  %+7.3f  what the other columns add", why.rest))
    print(string.format("  %+7.3f  score", why.score))
  end
end
print("\nEverything of this run: " .. lapidary.folder)
