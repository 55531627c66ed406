// A prompt strategy: how a language model is asked for the scores of an item or a user. Use it by
// `lapidary.prompt("{{name}}", { attributes = FILE, … })`.
#include "plugin.hpp"

using namespace lapidary;

// Which end of an attribute fits better: the likelihoods of both, after the same words.
struct Mine : PromptStrategy {
  static constexpr const char* name = "{{name}}";
  static constexpr const char* summary = "Scores by how much likelier the high end of an attribute reads than its low end.";
  // JSON Schema of each setting, with its default.
  static Json settings() {
    return Json::Object{
        {"history", Json::Object{{"type", "integer"},
                                 {"default", 10},
                                 {"minimum", 1},
                                 {"description", "Most recent items of a user that the model reads."}}},
    };
  }

  size_t history;
  Json set;

  // `context.attributes` has the domain's words (`item`, `items`, `verb`) and `attributes`, each with `name`, `description`,
  // `low`, `high`, `phrases`.
  Mine(const Json& settings, const Json& context)
      : history(static_cast<size_t>(settings.at("history").integer())), set(context.at("attributes")) {}

  const Json::List& attributes() const { return set.at("attributes").list(); }

  // The subject is `item`, or `user`: the items of a history, oldest first.
  Json::List requests(const Json& subject) const override {
    std::string start;
    if (subject.has("item")) {
      start = "The " + set.at("item").text() + " \"" + subject.at("item").at("title").text() + "\" is";
    } else {
      const Json::List& items = subject.at("user").list();
      for (size_t i = items.size() > history ? items.size() - history : 0; i < items.size(); ++i)
        start += (start.empty() ? "" : ", ") + items[i].at("title").text();
      start = "Someone " + set.at("verb").text() + " " + start + ". What they like is";
    }
    Json::List all;
    for (const Json& attribute : attributes()) {
      const Json::List ends = {" " + attribute.at("low").text(), " " + attribute.at("high").text()};
      const Json ask = Json::Object{{"likelihood", Json::Object{{"continuations", ends}}}};
      all.push_back(Json::Object{{"prompt", Json::Object{{"text", start}}}, {"ask", ask}});
    }
    return all;
  }

  // A number an attribute; null for what cannot be read.
  Json read(const Json& subject, const Json::List& answers) const override {
    must(answers.size() == attributes().size(), "an answer is missing");
    Json::List measured;
    for (const Json& answer : answers) {
      const Json& given = answer.at("likelihood");
      const Json::List &log_probs = given.at("log_probs").list(), &tokens = given.at("tokens").list();
      measured.push_back(log_probs.at(1).number() / tokens.at(1).number() - log_probs.at(0).number() / tokens.at(0).number());
    }
    return Json::Object{{"values", measured}, {"repaired", false}, {"problems", Json::List{}}};
  }

  // `raw` [N,m] the subjects, `reference` [M,m] all of their sort; the scores [N,m]. NaN stays NaN.
  Tensor calibrate(const Tensor& raw, const Tensor& reference) const override {
    const int64_t columns = static_cast<int64_t>(attributes().size());
    must(raw.dim() == 2 && raw.size(1) == columns, "expected a column an attribute, found " + shown(shape(raw)));
    const auto nanmean = [](const Tensor& x) {
      return op("aten::nanmean", "", x, std::optional<Shape>(Shape{0}), true, std::nullopt);
    };
    const Tensor middle = nanmean(reference), apart = sub(reference, middle);
    const Tensor deviation = op("aten::sqrt", "", nanmean(mul(apart, apart)));
    return div(sub(raw, middle), add(deviation, scalar(1e-6, deviation)));
  }
};

LAPIDARY_PLUGIN("{{name}}", "0.1.0", Mine)
