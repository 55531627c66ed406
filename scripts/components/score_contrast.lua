-- A prompt strategy: which end of an attribute fits better? The model is asked how likely the low and the high wording are
-- after the same words, and the difference of the two, a token, is the score. It needs no generation.

local Contrast = {
  kind = "prompt_strategy",
  summary = "Scores by how much likelier the high end of an attribute reads than its low end.",
  settings = {
    history = { type = "integer", default = 10, min = 1, help = "Most recent items of a user that the model reads." },
    scale = { type = "boolean", default = true, help = "Whether each attribute is brought to mean 0 and deviation 1." },
  },
}

function Contrast.create(settings, context)
  return { set = context, history = settings.history, scale = settings.scale }
end

local function name(item)
  local year = item.year ~= "" and " (" .. item.year .. ")" or ""
  return item.title .. year
end

-- What a prompt begins with: the item, or the last items of the user.
local function opening(self, subject)
  local set = self.set
  if subject.item then
    local categories = table.concat(subject.item.categories, ", ")
    local sort = categories ~= "" and " (" .. categories .. ")" or ""
    return string.format("The %s \"%s\"%s is", set.item, name(subject.item), sort)
  end
  local names, first = {}, math.max(1, #subject.user - self.history + 1)
  for place = first, #subject.user do
    names[#names + 1] = name(subject.user[place])
  end
  return string.format("Someone %s %s. The %s that they like are", set.verb, table.concat(names, ", "), set.items)
end

function Contrast.requests(self, subject)
  local requests, start = {}, opening(self, subject)
  for place, attribute in ipairs(self.set.attributes) do
    local asked = attribute.name:gsub("_", " ")
    requests[place] = {
      prompt = start .. ", as for " .. asked .. ",",
      continuations = { " " .. attribute.low, " " .. attribute.high },
    }
  end
  return requests
end

function Contrast.read(self, subject, answers)
  assert(#answers == #self.set.attributes, "an answer is missing")
  local values = {}
  for place, answer in ipairs(answers) do
    local low, high = answer.log_probs[1] / answer.tokens[1], answer.log_probs[2] / answer.tokens[2]
    values[place] = high - low
  end
  return values
end

-- The same on many subjects at once, so that a model can be fine-tuned: `log_probs` and `tokens` are [N,2m].
---@param log_probs lapidary.Tensor
---@param tokens lapidary.Tensor
function Contrast.measure(self, log_probs, tokens)
  local each = (log_probs / tokens):reshape(-1, #self.set.attributes, 2)
  return each:select(3, 2) - each:select(3, 1)
end

-- `raw` [N,m] the subjects, `reference` [M,m] all of their sort; NaN marks what could not be read and stays.
---@param raw lapidary.Tensor
---@param reference lapidary.Tensor
function Contrast.calibrate(self, raw, reference)
  assert(raw.shape[2] == #self.set.attributes, "expected a column an attribute")
  local mean = reference:nanmean(1)
  local scores = raw - mean
  if self.scale then
    scores = scores / ((reference - mean) ^ 2):nanmean(1):sqrt():clamp(1e-6)
  end
  return scores
end

return Contrast
