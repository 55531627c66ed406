// Plugins in C++: derive from the class of a kind, and export with LAPIDARY_PLUGIN. What must hold is written in ABI.md;
// `lapidary check-plugin` checks it. Exceptions end inside the plugin: their texts reach the user.
#pragma once

#include "json.hpp"
#include "lapidary_plugin.h"
#include "tensor.hpp"

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace lapidary {

using Named = std::vector<std::pair<std::string, Tensor>>;

// What a component saves and takes back.
struct State {
  Named tensors;
  Json json;

  const Tensor& tensor(const std::string& name) const {
    for (const auto& [key, tensor] : tensors)
      if (key == name) return tensor;
    throw Refused("the state has no tensor `" + name + "`");
  }
};

inline void must(bool holds, const std::string& reason) {
  if (!holds) throw Refused(reason);
}

// One call of a method.
class Call {
 public:
  explicit Call(LapidaryCall* call) : call_(call) {}

  // The input of that name.
  Tensor input(const char* name) const {
    for (size_t i = 0; i < call_->n_inputs; ++i) {
      const LapidaryNamedTensor& lent = call_->inputs[i];
      if (std::string(reinterpret_cast<const char*>(lent.name.ptr), lent.name.len) != name) continue;
      return borrow(lent.tensor);
    }
    throw Refused(std::string("no input `") + name + "`");
  }

  Json arguments() const {
    return Json::parse(std::string(reinterpret_cast<const char*>(call_->arguments.ptr), call_->arguments.len));
  }

  void give(const std::string& name, const Tensor& tensor) const { give(call_->outputs, name, tensor); }

  void reply(const Json& value) const { put(call_->reply, value.dump()); }

  // A handle of our own to a tensor that is lent.
  static Tensor borrow(void* lent) {
    AtenTensorHandle own = nullptr;
    must(aoti_torch_new_tensor_handle(static_cast<AtenTensorHandle>(lent), &own) == 0, "an input is no tensor");
    return Tensor(own);
  }

  static void give(const LapidaryTensorSink& sink, const std::string& name, const Tensor& tensor) {
    AtenTensorHandle given = nullptr;
    must(aoti_torch_new_tensor_handle(tensor.get(), &given) == 0, "an output is no tensor");
    const LapidaryStr text{reinterpret_cast<const uint8_t*>(name.data()), name.size()};
    must(sink.give(sink.ctx, text, given) == 0, "the host refused output `" + name + "`");
  }

  static void put(const LapidarySink& sink, const std::string& text) {
    if (sink.put != nullptr && !text.empty()) sink.put(sink.ctx, reinterpret_cast<const uint8_t*>(text.data()), text.size());
  }

 private:
  LapidaryCall* call_;
};

// What every component has.
struct Component {
  virtual ~Component() = default;
  virtual State save() const { return {}; }
  virtual void load(const State& state) { must(state.tensors.empty(), "it has no state to load"); }
};

struct Backbone : Component {
  static constexpr const char* kind = "backbone";
  static constexpr const char* methods =
      R"([{"number":1,"name":"objective","inputs":[],"outputs":[]},{"number":2,"name":"parameters","inputs":[],"outputs":["* f32 [...]"]},
          {"number":3,"name":"forward","inputs":["input f32 [B,L,d]","mask bool [B,L]"],"outputs":["hidden f32 [B,L,d]"]}])";

  virtual Json objective() const { return "next_item"; }
  virtual Named parameters() const = 0;
  virtual Tensor forward(const Tensor& input, const Tensor& mask, bool train) const = 0;

  bool invoke(uint32_t method, const Call& call) {
    if (method == 1) return call.reply(objective()), true;
    if (method == 3) {
      call.give("hidden", forward(call.input("input"), call.input("mask"), call.arguments().at("train").boolean()));
      return true;
    }
    if (method != 2) return false;
    for (const auto& [name, tensor] : parameters()) call.give(name, tensor);
    return true;
  }

  State save() const override { return {parameters(), Json()}; }

  // All of it, or nothing where something does not fit.
  void load(const State& state) override {
    const Named own = parameters();
    must(own.size() == state.tensors.size(), "the state has another number of parameters");
    for (const auto& [name, tensor] : own)
      must(shape(tensor) == shape(state.tensor(name)), "the state's `" + name + "` has another shape");
    for (const auto& [name, tensor] : own) copy_into(tensor, state.tensor(name));
  }
};

struct BaseEmbedder : Component {
  static constexpr const char* kind = "base_embedder";
  static constexpr const char* methods =
      R"([{"number":1,"name":"fit","inputs":["offsets i64 [U+1]","items i64 [N]"],"outputs":["items f32 [V,d]","users f32 [U,d]"]}])";

  // Gives `items` [V,d], and `users` [U,d] where there are any.
  virtual Named fit(const Tensor& offsets, const Tensor& items) = 0;

  bool invoke(uint32_t method, const Call& call) {
    if (method != 1) return false;
    for (const auto& [name, tensor] : fit(call.input("offsets"), call.input("items"))) call.give(name, tensor);
    return true;
  }
};

struct Llm : Component {
  static constexpr const char* kind = "llm";
  static constexpr const char* methods =
      R"([{"number":1,"name":"info","inputs":[],"outputs":[]},{"number":2,"name":"answer","inputs":[],"outputs":[]}])";

  virtual Json info() const = 0;
  virtual Json answer(const Json& request) const = 0;

  bool invoke(uint32_t method, const Call& call) {
    if (method == 1) return call.reply(info()), true;
    if (method != 2) return false;
    Json::List answers;
    const Json arguments = call.arguments();
    for (const Json& request : arguments.at("requests").list()) answers.push_back(answer(request));
    call.reply(Json::Object{{"answers", std::move(answers)}});
    return true;
  }
};

struct PromptStrategy : Component {
  static constexpr const char* kind = "prompt_strategy";
  static constexpr const char* methods =
      R"([{"number":1,"name":"requests","inputs":[],"outputs":[]},{"number":2,"name":"read","inputs":[],"outputs":[]},
          {"number":3,"name":"calibrate","inputs":["raw f32 [N,r]","reference f32 [M,r]"],"outputs":["scores f32 [N,m]"]}])";

  virtual Json::List requests(const Json& subject) const = 0;
  virtual Json read(const Json& subject, const Json::List& answers) const = 0;
  virtual Tensor calibrate(const Tensor& raw, const Tensor& reference) const = 0;

  bool invoke(uint32_t method, const Call& call) {
    if (method == 3) return call.give("scores", calibrate(call.input("raw"), call.input("reference"))), true;
    if (method != 1 && method != 2) return false;
    const Json arguments = call.arguments();
    const Json& subject = arguments.at("subject");
    if (method == 1) call.reply(Json::Object{{"requests", requests(subject)}});
    else call.reply(read(subject, arguments.at("answers").list()));
    return true;
  }
};

struct Reducer : Component {
  static constexpr const char* kind = "reducer";
  static constexpr const char* methods =
      R"([{"number":1,"name":"fit","inputs":["table f32 [V,d]"],"outputs":[]},
          {"number":2,"name":"transform","inputs":["table f32 [N,d]"],"outputs":["reduced f32 [N,dim]"]}])";

  // Gives the share of variance that each column explains, or null.
  virtual Json fit(const Tensor& table, int64_t dim) = 0;
  virtual Tensor transform(const Tensor& table) const = 0;

  bool invoke(uint32_t method, const Call& call) {
    if (method == 2) return call.give("reduced", transform(call.input("table"))), true;
    if (method != 1) return false;
    call.reply(Json::Object{{"explained_variance", fit(call.input("table"), call.arguments().at("dim").integer())}});
    return true;
  }
};

// The C table of a component.
template <class T>
class Table {
 public:
  static const LapidaryComponent* component() {
    static const LapidaryComponent table = {sizeof(LapidaryComponent), 0,    text(T::kind), text(T::name), describe, create,
                                            invoke,                    save, load,          destroy};
    return &table;
  }

 private:
  static LapidaryStr text(const char* words) { return {reinterpret_cast<const uint8_t*>(words), std::strlen(words)}; }
  static std::string words(LapidaryStr text) { return std::string(reinterpret_cast<const char*>(text.ptr), text.len); }

  // Exceptions become a status and a message: those that refuse, and all others, after which the instance is not used.
  template <class Body>
  static int32_t guarded(LapidarySink error, Body body) {
    try {
      return body();
    } catch (const Refused& refused) {
      Call::put(error, refused.what());
      return LAPIDARY_STATUS_ERROR;
    } catch (const std::exception& fault) {
      Call::put(error, fault.what());
      return LAPIDARY_STATUS_PANIC;
    } catch (...) {
      Call::put(error, "an exception of an unknown type");
      return LAPIDARY_STATUS_PANIC;
    }
  }

  static int32_t describe(LapidarySink reply, LapidarySink error) {
    return guarded(error, [&] {
      const Json settings = T::settings();
      Json::Object properties, defaults;
      for (const auto& [key, about] : settings.object()) {
        properties.emplace_back(key, about);
        defaults.emplace_back(key, about.at("default"));
      }
      const Json schema = Json::Object{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
      const Json told = Json::Object{{"kind", T::kind},         {"name", T::name},     {"summary", T::summary},
                                     {"settings", schema},      {"defaults", defaults}, {"methods", Json::parse(T::methods)}};
      Call::put(reply, told.dump());
      return LAPIDARY_STATUS_OK;
    });
  }

  static int32_t create(LapidaryStr config, void** instance, LapidarySink error) {
    return guarded(error, [&] {
      const Json told = Json::parse(words(config));
      *instance = std::make_unique<T>(told.at("settings"), told.at("context")).release();
      return LAPIDARY_STATUS_OK;
    });
  }

  static int32_t invoke(void* instance, LapidaryCall* call) {
    return guarded(call->error, [&] {
      const bool known = static_cast<T*>(instance)->invoke(call->method, Call(call));
      return known ? LAPIDARY_STATUS_OK : LAPIDARY_STATUS_UNSUPPORTED;
    });
  }

  static int32_t save(void* instance, LapidaryTensorSink outputs, LapidarySink reply, LapidarySink error) {
    return guarded(error, [&] {
      const State state = static_cast<const T*>(instance)->save();
      for (const auto& [name, tensor] : state.tensors) Call::give(outputs, name, tensor);
      Call::put(reply, state.json.dump());
      return LAPIDARY_STATUS_OK;
    });
  }

  static int32_t load(void* instance, const LapidaryNamedTensor* inputs, size_t n_inputs, LapidaryStr json, LapidarySink error) {
    return guarded(error, [&] {
      State state;
      for (size_t i = 0; i < n_inputs; ++i) state.tensors.emplace_back(words(inputs[i].name), Call::borrow(inputs[i].tensor));
      if (json.len > 0) state.json = Json::parse(words(json));
      static_cast<T*>(instance)->load(state);
      return LAPIDARY_STATUS_OK;
    });
  }

  static void destroy(void* instance) { delete static_cast<T*>(instance); }
};

}  // namespace lapidary

// Exports one component: LAPIDARY_PLUGIN("name of the plugin", "0.1.0", Mine). Once a library.
#define LAPIDARY_PLUGIN(plugin_name, plugin_version, Type)                                                         \
  extern "C" __attribute__((visibility("default"))) const LapidaryManifest* lapidary_plugin_entry(const LapidaryHost*) { \
    static const LapidaryComponent* const components[] = {lapidary::Table<Type>::component()};                      \
    const auto text = [](const char* words) {                                                                       \
      return LapidaryStr{reinterpret_cast<const uint8_t*>(words), std::strlen(words)};                              \
    };                                                                                                              \
    static const LapidaryManifest manifest = {LAPIDARY_MAGIC,                                                       \
                                              sizeof(LapidaryManifest),                                             \
                                              LAPIDARY_ABI_MAJOR,                                                   \
                                              LAPIDARY_ABI_MINOR,                                                   \
                                              LAPIDARY_TENSOR_ABI_STABLE,                                           \
                                              TORCH_TARGET_VERSION,                                                 \
                                              0,                                                                    \
                                              0,                                                                    \
                                              text("C++"),                                                          \
                                              text(plugin_name),                                                    \
                                              text(plugin_version),                                                 \
                                              1,                                                                    \
                                              components};                                                          \
    return &manifest;                                                                                               \
  }
