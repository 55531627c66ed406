-- A reducer: it learns to make tables narrower. Use it by `lapidary.reducer("{{name}}", { … })`.

local Reducer = {
  kind = "reducer",
  name = "{{name}}",
  summary = "The first principal components.",
  settings = {
    scale = { type = "number", default = 1, min = 0, help = "Factor of all values." },
  },
}

-- `context.seed` is there for all that is drawn: `lapidary.normal(context.seed, rows, columns)`.
function Reducer.create(settings, context)
  return { scale = settings.scale }
end

-- `values` [V,d]; what `transform` needs is kept in `self.state`, tensors by name, which are saved.
function Reducer.fit(self, values, dim)
  local mean = values:mean(1)
  local centred = values - mean
  local _, directions = centred:transpose():matmul(centred):eigh()
  local width = #mean
  -- eigh sorts them upwards: the last ones explain most.
  self.state = { mean = mean, matrix = directions:slice(2, width - dim + 1, width):flip(2) }
end

-- `values` [N,d]; the result [N,dim].
function Reducer.transform(self, values)
  return (values - self.state.mean):matmul(self.state.matrix) * self.scale
end

return Reducer
