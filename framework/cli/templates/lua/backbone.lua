-- A backbone: embedded sequences in, hidden states out. Use it by `lapidary.backbone("{{name}}", { … })`.

local Backbone = {
  kind = "backbone",
  name = "{{name}}",
  summary = "A gated running mean of what came before.",
  settings = {
    dropout = { type = "number", default = 0.2, min = 0, max = 0.95, help = "Share of values that is dropped in training." },
  },
}

-- `context` has `dim`, `max_len` and `device`. The host trains `parameters`, tensors by name.
function Backbone.create(settings, context)
  local d = context.dim
  return {
    dropout = settings.dropout,
    parameters = {
      gate = lapidary.parameter({ d, d }, { std = 0.02 }),
      gate_bias = lapidary.parameter({ d }, { value = 0 }),
      norm = lapidary.parameter({ d }, { value = 1 }),
      norm_bias = lapidary.parameter({ d }, { value = 0 }),
    },
  }
end

-- `input` [B,L,d], padded on the right; `mask` [B,L] holds at real places. No position may see those after it.
function Backbone.forward(self, input, mask, train)
  local p = self.parameters
  local x = input:dropout(self.dropout, train)
  local places = lapidary.arange(input.shape[2]):unsqueeze(2)
  local mean = x:cumsum(2) / places
  local gate = x:linear(p.gate, p.gate_bias):sigmoid()
  return (x * gate + mean * (1 - gate)):layer_norm(p.norm, p.norm_bias)
end

return Backbone
