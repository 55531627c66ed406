// JSON as it crosses the plugin boundary: settings, contexts, arguments, replies.
#pragma once

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lapidary {

// What cannot be used: an input, a setting, a state. Its text tells the user what was found and what is needed.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Json {
 public:
  enum class Type { null, boolean, number, text, list, object };
  using List = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;
  Json(bool value) : type_(Type::boolean), number_(value) {}
  Json(int value) : Json(static_cast<double>(value)) {}
  Json(int64_t value) : Json(static_cast<double>(value)) {}
  Json(size_t value) : Json(static_cast<double>(value)) {}
  // What is not finite cannot be said in JSON: it becomes null.
  Json(double value) : type_(std::isfinite(value) ? Type::number : Type::null), number_(value) {}
  Json(const char* value) : type_(Type::text), text_(value) {}
  Json(std::string value) : type_(Type::text), text_(std::move(value)) {}
  Json(List value) : type_(Type::list), list_(std::move(value)) {}
  Json(Object value) : type_(Type::object), object_(std::move(value)) {}

  static Json parse(const std::string& text) {
    const char *at = text.data(), *end = at + text.size();
    Json value = read(at, end, 0);
    skip(at, end);
    if (at != end) fail("there is more after the value");
    return value;
  }

  bool is_null() const { return type_ == Type::null; }
  bool has(const std::string& key) const { return find(key) != nullptr; }

  // The member of that name; throws where there is none.
  const Json& at(const std::string& key) const {
    if (const Json* found = find(key)) return *found;
    throw Refused("JSON: no key `" + key + "`");
  }

  double number() const { return expect(Type::number, "a number"), number_; }
  int64_t integer() const { return static_cast<int64_t>(std::llround(number())); }
  bool boolean() const { return expect(Type::boolean, "true or false"), number_ != 0; }
  const std::string& text() const { return expect(Type::text, "a text"), text_; }
  const List& list() const { return expect(Type::list, "a list"), list_; }
  const Object& object() const { return expect(Type::object, "an object"), object_; }

  std::string dump() const {
    std::string out;
    write(out);
    return out;
  }

 private:
  Type type_ = Type::null;
  double number_ = 0;
  std::string text_;
  List list_;
  Object object_;

  [[noreturn]] static void fail(const std::string& what) { throw Refused("JSON: " + what); }

  void expect(Type type, const char* what) const {
    if (type_ != type) fail(std::string("expected ") + what + ", found " + dump().substr(0, 60));
  }

  const Json* find(const std::string& key) const {
    for (const auto& [name, value] : object_)
      if (name == key) return &value;
    return nullptr;
  }

  static void skip(const char*& at, const char* end) {
    while (at != end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) ++at;
  }

  static bool take(const char*& at, const char* end, const std::string& word) {
    if (static_cast<size_t>(end - at) < word.size() || word.compare(0, word.size(), at, word.size()) != 0) return false;
    at += word.size();
    return true;
  }

  static Json read(const char*& at, const char* end, int depth) {
    if (depth > 200) fail("nested too deeply");
    skip(at, end);
    if (at == end) fail("the text ends early");
    if (*at == '"') return read_text(at, end);
    if (*at == '{' || *at == '[') return read_members(at, end, depth);
    if (take(at, end, "null")) return Json();
    if (take(at, end, "true")) return Json(true);
    if (take(at, end, "false")) return Json(false);
    std::string digits;
    while (at != end && (std::isdigit(static_cast<unsigned char>(*at)) || (*at != '\0' && std::string("+-.eE").find(*at) != std::string::npos)))
      digits += *at++;
    char* rest = nullptr;
    double value = std::strtod(digits.c_str(), &rest);
    if (digits.empty() || *rest != '\0') fail("unexpected `" + std::string(at, std::min<size_t>(end - at, 20)) + "`");
    return Json(value);
  }

  static Json read_members(const char*& at, const char* end, int depth) {
    const bool object = *at++ == '{';
    const char close = object ? '}' : ']';
    List list;
    Object members;
    for (skip(at, end); at != end && *at != close; skip(at, end)) {
      if (!list.empty() || !members.empty()) {
        if (*at++ != ',') fail("expected `,`");
        skip(at, end);
      }
      std::string name;
      if (object) {
        name = read_text(at, end);
        skip(at, end);
        if (at == end || *at++ != ':') fail("expected `:`");
        members.emplace_back(std::move(name), read(at, end, depth + 1));
      } else {
        list.push_back(read(at, end, depth + 1));
      }
    }
    if (at == end) fail("the text ends early");
    ++at;
    return object ? Json(std::move(members)) : Json(std::move(list));
  }

  static std::string read_text(const char*& at, const char* end) {
    if (at == end || *at++ != '"') fail("expected a text");
    std::string text;
    while (at != end && *at != '"') {
      if (*at != '\\') {
        text += *at++;
        continue;
      }
      if (++at == end) break;
      const char escape = *at++;
      const std::string plain = "\"\\/", letters = "bfnrt", meant = "\b\f\n\r\t";
      if (plain.find(escape) != std::string::npos) text += escape;
      else if (letters.find(escape) != std::string::npos) text += meant[letters.find(escape)];
      else if (escape == 'u') append_utf8(text, read_code(at, end));
      else fail("unknown escape");
    }
    if (at == end) fail("a text does not end");
    ++at;
    return text;
  }

  // A code point; those beyond 0xFFFF come as two escapes.
  static uint32_t read_code(const char*& at, const char* end) {
    const auto four = [&]() -> uint32_t {
      if (end - at < 4) fail("an escape is cut short");
      const std::string digits(at, 4);
      at += 4;
      return static_cast<uint32_t>(std::strtoul(digits.c_str(), nullptr, 16));
    };
    const uint32_t first = four();
    if (first < 0xD800 || first > 0xDBFF || !take(at, end, "\\u")) return first;
    return 0x10000 + ((first - 0xD800) << 10) + (four() - 0xDC00);
  }

  static void append_utf8(std::string& text, uint32_t code) {
    const auto part = [&](uint32_t bits) { text += static_cast<char>(bits); };
    if (code < 0x80) return part(code);
    if (code < 0x800) return part(0xC0 | code >> 6), part(0x80 | (code & 63));
    if (code < 0x10000) return part(0xE0 | code >> 12), part(0x80 | (code >> 6 & 63)), part(0x80 | (code & 63));
    part(0xF0 | code >> 18), part(0x80 | (code >> 12 & 63)), part(0x80 | (code >> 6 & 63)), part(0x80 | (code & 63));
  }

  static void write_text(std::string& out, const std::string& text) {
    out += '"';
    for (const char c : text) {
      char escaped[8];
      if (c == '"' || c == '\\') (out += '\\') += c;
      else if (static_cast<unsigned char>(c) >= 0x20) out += c;
      else std::snprintf(escaped, sizeof escaped, "\\u%04x", c), out += escaped;
    }
    out += '"';
  }

  void write(std::string& out) const {
    char digits[40];
    switch (type_) {
      case Type::null: out += "null"; return;
      case Type::boolean: out += number_ != 0 ? "true" : "false"; return;
      case Type::text: return write_text(out, text_);
      case Type::number:
        std::snprintf(digits, sizeof digits, "%.17g", number_);
        out += digits;
        return;
      case Type::list:
        out += '[';
        for (size_t i = 0; i < list_.size(); ++i) {
          if (i > 0) out += ',';
          list_[i].write(out);
        }
        out += ']';
        return;
      case Type::object:
        out += '{';
        for (size_t i = 0; i < object_.size(); ++i) {
          if (i > 0) out += ',';
          write_text(out, object_[i].first);
          out += ':';
          object_[i].second.write(out);
        }
        out += '}';
    }
  }
};

}  // namespace lapidary
