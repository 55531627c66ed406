-- A prompt strategy: how a language model is asked for the scores of an item or a user. Use it by
-- `lapidary.prompt("{{name}}", { attributes = FILE, … })`.

local Strategy = {
  kind = "prompt_strategy",
  name = "{{name}}",
  summary = "Scores by how much likelier the high end of an attribute reads than its low end.",
  settings = {
    history = { type = "integer", default = 10, min = 1, help = "Most recent items of a user that the model reads." },
  },
}

-- `context` has the domain's words (`item`, `items`, `verb`) and `attributes`: `name`, `description`, `low`, `high`, `phrases`.
function Strategy.create(settings, context)
  return { set = context, history = settings.history }
end

-- The subject is an item, or a user by the items of their history, oldest first.
function Strategy.requests(self, subject)
  local start
  if subject.item then
    start = string.format("The %s \"%s\" is", self.set.item, subject.item.title)
  else
    local titles = {}
    for place = math.max(1, #subject.user - self.history + 1), #subject.user do
      titles[#titles + 1] = subject.user[place].title
    end
    start = string.format("Someone %s %s. What they like is", self.set.verb, table.concat(titles, ", "))
  end
  local requests = {}
  for place, attribute in ipairs(self.set.attributes) do
    requests[place] = { prompt = start, continuations = { " " .. attribute.low, " " .. attribute.high } }
  end
  return requests
end

-- A number a measurement; 0/0, which is NaN, for what cannot be read.
function Strategy.read(self, subject, answers)
  assert(#answers == #self.set.attributes, "an answer is missing")
  local values = {}
  for place, answer in ipairs(answers) do
    values[place] = answer.log_probs[2] / answer.tokens[2] - answer.log_probs[1] / answer.tokens[1]
  end
  return values
end

-- `raw` [N,m] the subjects, `reference` [M,m] all of their sort; the scores [N,m]. NaN stays NaN.
function Strategy.calibrate(self, raw, reference)
  assert(raw.shape[2] == #self.set.attributes, "expected a column an attribute")
  local mean = reference:nanmean(1)
  return (raw - mean) / ((reference - mean) ^ 2):nanmean(1):sqrt():clamp(1e-6)
end

return Strategy
