// A base embedder: training interactions in, item vectors out. Use it by `lapidary.base_embedder("{{name}}", { … })`.
#include "plugin.hpp"

using namespace lapidary;

// Items that stand near each other in histories get like vectors: counts of neighbours, their logarithm, and an SVD.
struct Mine : BaseEmbedder {
  static constexpr const char* name = "{{name}}";
  static constexpr const char* summary = "A singular value decomposition of how often items stand near each other.";
  // JSON Schema of each setting, with its default.
  static Json settings() {
    return Json::Object{
        {"window", Json::Object{{"type", "integer"}, {"default", 3}, {"minimum", 1}, {"description", "How far neighbours reach, in items."}}},
    };
  }

  int64_t window, dim, n_items;

  // `context` has `dim`, `n_items`, `seed` and `device`.
  Mine(const Json& settings, const Json& context)
      : window(settings.at("window").integer()),
        dim(context.at("dim").integer()),
        n_items(context.at("n_items").integer()),
        device(context.at("device").text()) {
    must(dim >= 1 && dim <= n_items, "`dim` is " + std::to_string(dim) + ", but there are " + std::to_string(n_items) + " items");
  }

  // User u had `items[offsets[u]]` to `items[offsets[u + 1] - 1]`, oldest first. Gives `items` [V,d].
  Named fit(const Tensor& offsets, const Tensor& items) override {
    must(is_type(offsets, Type::Long) && is_type(items, Type::Long), "`offsets` and `items` must be i64");
    const std::vector<int64_t> starts = values<int64_t>(offsets), had = values<int64_t>(items);
    const int64_t n = static_cast<int64_t>(had.size());
    must(!starts.empty() && starts.front() == 0 && starts.back() == n && std::is_sorted(starts.begin(), starts.end()),
         "`offsets` must rise from 0 to the number of items");
    for (const int64_t item : had)
      must(item >= 0 && item < n_items, "item number " + std::to_string(item) + " is not in 0.." + std::to_string(n_items));
    std::vector<float> counts(static_cast<size_t>(n_items * n_items), 0);
    for (size_t u = 0; u + 1 < starts.size(); ++u)
      for (int64_t at = starts[u]; at < starts[u + 1]; ++at)
        for (int64_t next = at + 1; next < std::min(starts[u + 1], at + window + 1); ++next) {
          counts[static_cast<size_t>(had[at] * n_items + had[next])] += 1;
          counts[static_cast<size_t>(had[next] * n_items + had[at])] += 1;
        }
    const Tensor logs = op("aten::log1p", "", from_values(counts, {n_items, n_items}));
    const auto [left, sizes, right] = op_many<3>("aten::linalg_svd", "", logs, false, std::nullopt);
    const Tensor table = mul(narrow(left, 1, 0, dim), op("aten::sqrt", "", narrow(sizes, 0, 0, dim)));
    return {{"items", to_device(table, device)}};
  }

 private:
  std::string device;
};

LAPIDARY_PLUGIN("{{name}}", "0.1.0", Mine)
