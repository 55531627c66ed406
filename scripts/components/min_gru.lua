-- A backbone: the minimal gated recurrent unit (Feng et al. 2024, https://arxiv.org/abs/2410.01201). Unlike a GRU's, its
-- gate and its candidate see the input alone, so that they are computed for all positions at once:
--   z = sigmoid(x W_z + b_z), c = x W_c + b_c, h_t = (1 - z_t) h_{t-1} + z_t c_t
-- Each layer adds its states to its input and normalises; a feed-forward network follows, as in a Transformer's block.

local MinGru = {
  kind = "backbone",
  summary = "Minimal gated recurrent units with feed-forward networks between them.",
  settings = {
    layers = { type = "integer", default = 2, min = 1, max = 16, help = "Blocks." },
    hidden_factor = { type = "integer", default = 2, min = 1, help = "Width of the feed-forward networks, in embedding sizes." },
    dropout = { type = "number", default = 0.2, min = 0, max = 0.95, help = "Share of values that is dropped in training." },
    init_std = { type = "number", default = 0.02, min = 1e-6, help = "Standard deviation of the first weights." },
  },
}

local function linear(from, to, std, bias)
  return {
    weight = lapidary.parameter({ to, from }, { std = std }),
    bias = lapidary.parameter({ to }, { value = bias or 0 }),
  }
end

local function norm(dim)
  return { weight = lapidary.parameter({ dim }, { value = 1 }), bias = lapidary.parameter({ dim }, { value = 0 }) }
end

function MinGru.create(settings, context)
  local d, std = context.dim, settings.init_std
  local blocks = {}
  for place = 1, settings.layers do
    blocks[place] = {
      gate = linear(d, d, std),
      candidate = linear(d, d, std),
      state_norm = norm(d),
      inner = linear(d, settings.hidden_factor * d, std),
      outer = linear(settings.hidden_factor * d, d, std),
      norm = norm(d),
    }
  end
  return { dropout = settings.dropout, parameters = { blocks = blocks } }
end

-- `z` and `c` [B,L,d]; the states [B,L,d].
---@param z lapidary.Tensor
---@param c lapidary.Tensor
local function recurrence(z, c)
  local keep = 1 - z ---@type lapidary.Tensor
  local add, states = z * c, {}
  local state = add:select(2, 1)
  states[1] = state
  for t = 2, z.shape[2] do
    state = keep:select(2, t) * state + add:select(2, t)
    states[t] = state
  end
  return lapidary.stack(states, 2)
end

-- `input` [B,L,d]. Rows are padded on the right, and no state looks ahead: the mask changes nothing that counts.
---@param input lapidary.Tensor
function MinGru.forward(self, input, mask, train)
  local x = input:dropout(self.dropout, train)
  for _, block in ipairs(self.parameters.blocks) do
    local z = x:linear(block.gate.weight, block.gate.bias):sigmoid()
    local states = recurrence(z, x:linear(block.candidate.weight, block.candidate.bias))
    x = (x + states:dropout(self.dropout, train)):layer_norm(block.state_norm.weight, block.state_norm.bias)
    local inner = x:linear(block.inner.weight, block.inner.bias):gelu()
    local outer = inner:linear(block.outer.weight, block.outer.bias):dropout(self.dropout, train)
    x = (x + outer):layer_norm(block.norm.weight, block.norm.bias)
  end
  return x
end

return MinGru
