// A backbone: embedded sequences in, hidden states out. Use it by `lapidary.backbone("{{name}}", { … })`.
#include "plugin.hpp"

using namespace lapidary;

// A gated running mean of what came before. Operations of libtorch carry gradients: the host trains what `parameters` gives.
struct Mine : Backbone {
  static constexpr const char* name = "{{name}}";
  static constexpr const char* summary = "A gated running mean of what came before.";
  // JSON Schema of each setting, with its default.
  static Json settings() {
    return Json::Object{
        {"dropout", Json::Object{{"type", "number"},
                                 {"default", 0.2},
                                 {"minimum", 0.0},
                                 {"maximum", 0.95},
                                 {"description", "Share of values that is dropped in training."}}},
    };
  }

  double dropped;
  int64_t dim;
  Tensor gate, gate_bias, norm, norm_bias;

  // `context` has `dim`, `max_len` and `device`.
  Mine(const Json& settings, const Json& context)
      : dropped(settings.at("dropout").number()),
        dim(context.at("dim").integer()),
        gate(parameter({dim, dim}, 0.02, context.at("device").text())),
        gate_bias(parameter_of({dim}, 0, context.at("device").text())),
        norm(parameter_of({dim}, 1, context.at("device").text())),
        norm_bias(parameter_of({dim}, 0, context.at("device").text())) {}

  Named parameters() const override {
    return {{"gate", gate}, {"gate_bias", gate_bias}, {"norm", norm}, {"norm_bias", norm_bias}};
  }

  // `input` f32 [B,L,d], padded on the right; `mask` bool [B,L] holds at real places. No place may see those after it.
  Tensor forward(const Tensor& input, const Tensor& mask, bool train) const override {
    must(input.dim() == 3 && input.size(2) == dim && is_type(input, Type::Float),
         "expected `input` f32 [B,L," + std::to_string(dim) + "], found " + shown(shape(input)));
    must(mask.dim() == 2 && mask.size(0) == input.size(0) && mask.size(1) == input.size(1),
         "`mask` is " + shown(shape(mask)) + ", which does not fit `input` " + shown(shape(input)));
    const Tensor x = dropout(input, dropped, train);
    const int64_t length = input.size(1);
    const Tensor places = cumsum(beside(full({length, 1}, 1), x), 0);
    const Tensor mean = div(cumsum(x, 1), places);
    const Tensor open = sigmoid(op("aten::linear", "", x, gate, std::optional<Tensor>(gate_bias)));
    const Tensor mixed = add(mean, mul(open, sub(x, mean)));
    return op("aten::layer_norm", "", mixed, Shape{dim}, std::optional<Tensor>(norm), std::optional<Tensor>(norm_bias), 1e-5, true);
  }
};

LAPIDARY_PLUGIN("{{name}}", "0.1.0", Mine)
