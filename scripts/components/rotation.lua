-- A reducer: principal components, turned by a random rotation, so that no column is worth more than another.
-- With `rotate = false` it is plain PCA.

local Rotation = {
  kind = "reducer",
  summary = "Principal components, turned at random so that all columns matter alike.",
  settings = {
    rotate = { type = "boolean", default = true, help = "Whether the components are turned; without it this is PCA." },
  },
}

function Rotation.create(settings, context)
  return { rotate = settings.rotate, seed = context.seed }
end

-- `values` [V,d]; what transform needs afterwards is kept in self.state, which is saved with the refined embedding.
---@param values lapidary.Tensor
function Rotation.fit(self, values, dim)
  local exact = values:to_dtype("double")
  local mean = exact:mean(1)
  local centred = exact - mean
  local moments, directions = centred:transpose():matmul(centred):eigh()
  local width = #mean
  -- eigh sorts them upwards; the sign is chosen so that a direction's largest entry is positive.
  local first = directions:slice(2, width - dim + 1, width):flip(2)
  local matrix = first * first:gather(1, first:abs():argmax(1):unsqueeze(1)):sign()
  local shares = moments:slice(1, width - dim + 1, width):flip(1) / moments:sum():item()
  if self.rotate then
    local turned = lapidary.normal(self.seed, dim, dim):to_dtype("double"):svd()
    matrix = matrix:matmul(turned)
  end
  self.state = { mean = mean, matrix = matrix }
  return not self.rotate and shares:clamp(0, 1):totable() or nil
end

---@param values lapidary.Tensor
function Rotation.transform(self, values)
  local reduced = (values:to_dtype("double") - self.state.mean):matmul(self.state.matrix)
  return reduced:to_dtype("float")
end

return Rotation
