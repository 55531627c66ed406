// A reducer: it learns to make tables narrower. Use it by `lapidary.reducer("{{name}}", { … })`.
#include "plugin.hpp"

using namespace lapidary;

// The first principal components.
struct Mine : Reducer {
  static constexpr const char* name = "{{name}}";
  static constexpr const char* summary = "The first principal components.";
  // JSON Schema of each setting, with its default.
  static Json settings() {
    return Json::Object{
        {"scale", Json::Object{{"type", "number"}, {"default", 1.0}, {"minimum", 0.0}, {"description", "Factor of all values."}}},
    };
  }

  double factor;
  // [1,d] and [d,dim]; none before the fit.
  std::optional<Tensor> middle, matrix;

  // `context` has `seed`, for all that is drawn.
  Mine(const Json& settings, const Json& context) : factor(settings.at("scale").number()) {}

  // `table` [V,d].
  Json fit(const Tensor& table, int64_t dim) override {
    must(table.dim() == 2 && is_type(table, Type::Float), "expected a table f32 [V,d], found " + shown(shape(table)));
    const int64_t width = table.size(1);
    must(dim >= 1 && dim <= width, "`dim` is " + std::to_string(dim) + ", but the table has " + std::to_string(width) + " columns");
    const Tensor mean = lapidary::mean(table, 0, true);
    const Tensor centred = sub(table, mean);
    const auto [spread, directions] = op_many<2>("aten::linalg_eigh", "", matmul(transpose(centred), centred), std::string("L"));
    // They are sorted upwards: the last ones explain most.
    matrix = op("aten::flip", "", narrow(directions, 1, width - dim, dim), Shape{1});
    middle = mean;
    return Json();
  }

  // `table` [N,d]; gives [N,dim].
  Tensor transform(const Tensor& table) const override {
    must(matrix.has_value(), "it was not fitted yet");
    must(table.dim() == 2 && table.size(1) == matrix->size(0),
         "fitted on " + std::to_string(matrix->size(0)) + " columns, but this table is " + shown(shape(table)));
    const Tensor reduced = matmul(sub(table, beside(*middle, table)), beside(*matrix, table));
    return mul(reduced, scalar(factor, reduced));
  }

  State save() const override {
    if (!matrix) return {};
    return {{{"mean", *middle}, {"matrix", *matrix}}, Json()};
  }

  void load(const State& state) override {
    if (state.tensors.empty()) return middle.reset(), matrix.reset();
    const Tensor mean = state.tensor("mean"), directions = state.tensor("matrix");
    middle = mean;
    matrix = directions;
  }
};

LAPIDARY_PLUGIN("{{name}}", "0.1.0", Mine)
