// A language model: requests in, answers out. Use it by `lapidary.llm("{{name}}", { … })`.
#include "plugin.hpp"

using namespace lapidary;

// Counts of letters after letters.
struct Counts {
  std::vector<double> pairs = std::vector<double>(256 * 256, 0), firsts = std::vector<double>(256, 0);

  static size_t byte(char c) { return static_cast<unsigned char>(c); }

  void read(const std::string& text) {
    for (size_t i = 1; i < text.size(); ++i) {
      pairs[byte(text[i - 1]) * 256 + byte(text[i])] += 1;
      firsts[byte(text[i - 1])] += 1;
    }
  }

  // No letter is impossible.
  double log_prob(char before, char after) const {
    return std::log((pairs[byte(before) * 256 + byte(after)] + 0.01) / (firsts[byte(before)] + 2.56));
  }
};

// A model of letters that needs no file: each letter hangs on the one before it, counted in a text of the settings and in the
// prompt. It shows what a language model must do; put a real one in its place.
struct Mine : Llm {
  static constexpr const char* name = "{{name}}";
  static constexpr const char* summary = "Letters that hang on the letter before them, counted in a text and the prompt.";
  // JSON Schema of each setting, with its default.
  static Json settings() {
    return Json::Object{
        {"text", Json::Object{{"type", "string"},
                              {"default", "the story is told with a light hand and the music is loud"},
                              {"description", "What it has read."}}},
    };
  }

  static constexpr size_t context_length = 4096;
  std::string text;
  Counts counts;

  // `context` has `device` and `model_dirs`, the folders in which models are looked up.
  Mine(const Json& settings, const Json& context) : text(settings.at("text").text()) { counts.read(text); }

  // The fingerprint changes whenever answers may.
  Json info() const override {
    uint64_t hash = 14695981039346656037u;
    for (const char c : text) hash = (hash ^ Counts::byte(c)) * 1099511628211u;
    return Json::Object{{"model", "letters"},
                        {"fingerprint", "letters-1-" + std::to_string(hash)},
                        {"context_length", context_length},
                        {"parameters", counts.pairs.size()},
                        {"chat", false}};
  }

  Json answer(const Json& request) const override {
    const Json& prompt = request.at("prompt");
    must(prompt.has("text"), "it has no chat template: give it prompts without messages");
    const std::string& read = prompt.at("text").text();
    must(!read.empty() && read.size() <= context_length, "a prompt of " + std::to_string(read.size()) + " letters, but from 1 to " +
                                                             std::to_string(context_length) + " can be read");
    Counts known = counts;
    known.read(read);
    const Json& ask = request.at("ask");
    return ask.has("likelihood") ? likelihoods(known, read, ask.at("likelihood")) : completion(known, read, ask.at("complete"));
  }

  static Json likelihoods(const Counts& known, const std::string& prompt, const Json& ask) {
    Json::List log_probs, tokens;
    for (const Json& continuation : ask.at("continuations").list()) {
      double sum = 0;
      char before = prompt.back();
      for (const char after : continuation.text()) sum += known.log_prob(before, after), before = after;
      log_probs.push_back(sum);
      tokens.push_back(continuation.text().size());
    }
    return Json::Object{{"likelihood", Json::Object{{"log_probs", log_probs}, {"tokens", tokens}}}};
  }

  // The likeliest letter each time, whatever the temperature.
  static Json completion(const Counts& known, const std::string& prompt, const Json& ask) {
    std::string written;
    char before = prompt.back();
    for (int64_t left = ask.at("max_tokens").integer(); left > 0; --left) {
      char best = ' ';
      for (char next = ' '; next <= '~'; ++next)
        if (known.log_prob(before, next) > known.log_prob(before, best)) best = next;
      written += before = best;
      for (const Json& stop : ask.at("stop").list()) {
        const size_t at = written.find(stop.text());
        if (at != std::string::npos) return Json::Object{{"text", written.substr(0, at)}};
      }
    }
    return Json::Object{{"text", written}};
  }
};

LAPIDARY_PLUGIN("{{name}}", "0.1.0", Mine)
