#include "cli/template/functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cli/template/unquote.h"

namespace ctr::cli {
namespace {

using Args = std::span<const TemplateValue>;
using Answer = Result<TemplateValue>;

// A made-up length (pad, truncate) never asks for more memory than this.
constexpr int64_t k_length_limit = 1 << 20;

Error wrong(std::string what) { return Error(Errc::invalid, std::move(what)); }

Answer give(Json& storage, Json value) {
  storage = std::move(value);
  return TemplateValue{&storage, false, {}};
}

Result<std::string> text_arg(Args args, size_t i) {
  const auto& value = args[i];
  if (value.json == nullptr || value.json->is_null()) return wrong("invalid value; expected string");
  if (!value.json->is_string()) {
    return wrong(fmt::format("wrong type for value; expected string; got {}", type_name(value)));
  }
  return value.json->as_string();
}

Result<int64_t> int_arg(Args args, size_t i) {
  const auto& value = args[i];
  if (value.json == nullptr || !value.json->is_integer()) {
    return wrong(fmt::format("wrong type for value; expected int; got {}", type_name(value)));
  }
  return value.json->as_int();
}

// ---- Comparison

enum class Class { boolean, integer, real, text, none, other };
Class class_of(const TemplateValue& value) {
  if (value.json == nullptr || value.json->is_null()) return Class::none;
  if (value.json->is_bool()) return Class::boolean;
  if (value.json->is_integer()) return Class::integer;
  if (value.json->is_number()) return Class::real;
  return value.json->is_string() ? Class::text : Class::other;
}

Result<bool> equal(const TemplateValue& a, const TemplateValue& b) {
  const Class left = class_of(a);
  const Class right = class_of(b);
  if (left == Class::other || right == Class::other) {
    return wrong(fmt::format("non-comparable type {}: {}", print_value(left == Class::other ? a : b),
                             type_name(left == Class::other ? a : b)));
  }
  if (left == Class::none || right == Class::none) return left == right;
  if (left != right) return wrong("incompatible types for comparison");
  return *a.json == *b.json;
}

Result<bool> less(const TemplateValue& a, const TemplateValue& b) {
  const Class left = class_of(a);
  const Class right = class_of(b);
  if (left == Class::other || right == Class::other || left == Class::boolean || left == Class::none) {
    return wrong("invalid type for comparison");
  }
  if (left != right) return wrong("incompatible types for comparison");
  if (left == Class::text) return a.json->as_string() < b.json->as_string();
  if (left == Class::real) return a.json->as_double() < b.json->as_double();
  return a.json->as_int() < b.json->as_int();
}

Answer compare(std::string_view name, Args args, Json& storage) {
  if (name == "eq") {
    if (args.size() < 2) return wrong("missing argument for comparison");
    bool found = false;
    for (size_t i = 1; i < args.size() && !found; ++i) found = TRY(equal(args[0], args[i]));
    return give(storage, found);
  }
  if (name == "ne") return give(storage, !TRY(equal(args[0], args[1])));
  const bool below = TRY(less(args[0], args[1]));
  if (name == "lt") return give(storage, below);
  if (name == "ge") return give(storage, !below);
  const bool above = TRY(less(args[1], args[0]));
  return give(storage, name == "gt" ? above : !above);
}

// ---- Collections

Answer index_one(const TemplateValue& value, const TemplateValue& key, Json& storage) {
  if (value.json == nullptr || value.json->is_null()) return wrong("index of untyped nil");
  const Json& json = *value.json;
  if (json.is_object()) {
    if (key.json == nullptr || !key.json->is_string()) {
      return wrong(fmt::format("value has type {}; should be string", type_name(key)));
    }
    const Json* member = json.find(key.json->as_string());
    // A missing key yields the zero value of the map's element type, which JSON does not tell; maps of text are the
    // rule.
    if (member == nullptr) {
      const bool text = std::all_of(json.as_object().begin(), json.as_object().end(),
                                    [](const auto& entry) { return entry.second.is_string(); });
      return text ? give(storage, "") : TemplateValue{};
    }
    return TemplateValue{member, false, {}};
  }
  if (!json.is_array() && !json.is_string()) return wrong(fmt::format("can't index item of type {}", type_name(value)));
  if (key.json == nullptr || !key.json->is_integer()) {
    return wrong(fmt::format("cannot index slice/array with type {}", type_name(key)));
  }
  const int64_t at = key.json->as_int();
  const size_t size = json.is_array() ? json.as_array().size() : json.as_string().size();
  if (at < 0 || static_cast<uint64_t>(at) >= size) return wrong(fmt::format("index out of range: {}", at));
  if (json.is_array()) return TemplateValue{&json.as_array()[static_cast<size_t>(at)], false, value.type};
  return give(storage, static_cast<int>(static_cast<unsigned char>(json.as_string()[static_cast<size_t>(at)])));
}

Answer index(Args args, Json& storage) {
  TemplateValue value = args[0];
  for (size_t i = 1; i < args.size(); ++i) {
    Json step;
    value = TRY(index_one(value, args[i], step));
    if (value.json == &step) value = TRY(give(storage, std::move(step)));
  }
  return value;
}

Answer slice(Args args, Json& storage) {
  if (args[0].json == nullptr || args[0].json->is_null()) return wrong("slice of untyped nil");
  const Json& json = *args[0].json;
  if (!json.is_array() && !json.is_string()) {
    return wrong(fmt::format("can't slice item of type {}", type_name(args[0])));
  }
  const auto size = static_cast<int64_t>(json.is_array() ? json.as_array().size() : json.as_string().size());
  const int64_t from = args.size() > 1 ? TRY(int_arg(args, 1)) : 0;
  const int64_t to = args.size() > 2 ? TRY(int_arg(args, 2)) : size;
  if (from < 0 || from > size) return wrong(fmt::format("index out of range: {}", from));
  if (to < 0 || to > size) return wrong(fmt::format("index out of range: {}", to));
  if (from > to) return wrong(fmt::format("invalid slice index: {} > {}", from, to));
  if (json.is_string()) {
    return give(storage, json.as_string().substr(static_cast<size_t>(from), static_cast<size_t>(to - from)));
  }
  const auto& all = json.as_array();
  return give(storage, Json(Json::Array(all.begin() + from, all.begin() + to)));
}

Answer length(Args args, Json& storage) {
  if (args[0].json == nullptr || args[0].json->is_null()) return wrong("len of nil pointer");
  const Json& json = *args[0].json;
  if (json.is_string()) return give(storage, uint64_t{json.as_string().size()});
  if (json.is_array()) return give(storage, uint64_t{json.as_array().size()});
  if (json.is_object()) return give(storage, uint64_t{json.as_object().size()});
  return wrong(fmt::format("len of type {}", type_name(args[0])));
}

// ---- Text

std::string replaced(std::string_view text, std::string_view from, const std::array<std::string_view, 5>& to) {
  std::string out;
  for (const char c : text) {
    const size_t found = from.find(c);
    if (found == std::string_view::npos) {
      out += c;
    } else {
      out += to[found];
    }
  }
  return out;
}

std::string js_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\'':
        out += "\\'";
        break;
      case '"':
        out += "\\\"";
        break;
      case '<':
        out += "\\u003C";
        break;
      case '>':
        out += "\\u003E";
        break;
      case '&':
        out += "\\u0026";
        break;
      case '=':
        out += "\\u003D";
        break;
      default:
        out += byte < 0x20 ? fmt::format("\\u{:04X}", byte) : std::string(1, c);
    }
  }
  return out;
}

std::string url_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-_.~").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string titled(std::string text) {
  bool start = true;
  for (char& c : text) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                      c == '\'' || (c & 0x80) != 0;
    if (start && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    start = !word;
  }
  return text;
}

Answer join_texts(Args args, Json& storage) {
  const auto separator = TRY(text_arg(args, 1));
  const Json* list = args[0].json;
  if (list == nullptr || list->is_null()) return give(storage, "");
  if (!list->is_array()) {
    return wrong(fmt::format("wrong type for value; expected []string; got {}", type_name(args[0])));
  }
  std::string out;
  for (size_t i = 0; i < list->as_array().size(); ++i) {
    out += (i > 0 ? separator : "") + print_value(list->as_array()[i], false);
  }
  return give(storage, std::move(out));
}

Answer split_text(Args args, Json& storage) {
  const auto text = TRY(text_arg(args, 0));
  const auto separator = TRY(text_arg(args, 1));
  Json parts = Json::array();
  if (separator.empty()) {
    for (size_t at = 0; at < text.size();) {
      size_t end = at + 1;
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
      parts.push(text.substr(at, end - at));
      at = end;
    }
    return give(storage, std::move(parts));
  }
  size_t at = 0;
  for (size_t found; (found = text.find(separator, at)) != std::string::npos; at = found + separator.size()) {
    parts.push(text.substr(at, found - at));
  }
  parts.push(text.substr(at));
  return give(storage, std::move(parts));
}

Answer pad_text(Args args, Json& storage) {
  const auto text = TRY(text_arg(args, 0));
  const int64_t before = std::clamp<int64_t>(TRY(int_arg(args, 1)), 0, k_length_limit);
  const int64_t after = std::clamp<int64_t>(TRY(int_arg(args, 2)), 0, k_length_limit);
  if (text.empty()) return give(storage, "");
  return give(storage,
              std::string(static_cast<size_t>(before), ' ') + text + std::string(static_cast<size_t>(after), ' '));
}

Answer truncate_text(Args args, Json& storage) {
  const auto text = TRY(text_arg(args, 0));
  const int64_t length = std::clamp<int64_t>(TRY(int_arg(args, 1)), 0, k_length_limit);
  return give(storage, text.substr(0, static_cast<size_t>(length)));
}

Answer escape(std::string_view name, Args args, Json& storage) {
  const std::string text = sprint_go(args);
  if (name == "js") return give(storage, js_escaped(text));
  if (name == "urlquery") return give(storage, url_escaped(text));
  return give(storage, replaced(text, "&'<>\"", {"&amp;", "&#39;", "&lt;", "&gt;", "&#34;"}));
}

Answer change_case(std::string_view name, Args args, Json& storage) {
  const auto text = TRY(text_arg(args, 0));
  if (name == "lower") return give(storage, to_lower(text));
  return give(storage, name == "upper" ? to_upper(text) : titled(text));
}

Answer print(std::string_view name, Args args, Json& storage) {
  if (name == "print") return give(storage, sprint_go(args));
  if (name == "println") return give(storage, sprintln_go(args));
  return give(storage, sprintf_go(TRY(text_arg(args, 0)), args.subspan(1)));
}

Answer json_text(std::string_view, Args args, Json& storage) {
  return give(storage, args[0].json == nullptr ? std::string("null") : dump_json(*args[0].json));
}

struct Function {
  std::string_view name;
  size_t least;
  size_t most;
  Answer (*call)(std::string_view name, Args args, Json& storage);
};

template <Answer (*function)(Args, Json&)>
Answer unnamed(std::string_view, Args args, Json& storage) {
  return function(args, storage);
}

constexpr size_t k_any = 1000;
constexpr Answer (*k_lazy)(std::string_view, Args, Json&) = nullptr;
constexpr std::array<Function, 27> k_functions = {{
    {"and", 1, k_any, k_lazy},
    {"or", 1, k_any, k_lazy},
    {"not", 1, 1, [](std::string_view, Args args, Json& storage) { return give(storage, !is_true(args[0])); }},
    {"eq", 1, k_any, compare},
    {"ne", 2, 2, compare},
    {"lt", 2, 2, compare},
    {"le", 2, 2, compare},
    {"gt", 2, 2, compare},
    {"ge", 2, 2, compare},
    {"index", 1, k_any, unnamed<index>},
    {"slice", 1, 4, unnamed<slice>},
    {"len", 1, 1, unnamed<length>},
    {"print", 0, k_any, print},
    {"println", 0, k_any, print},
    {"printf", 1, k_any, print},
    {"html", 0, k_any, escape},
    {"js", 0, k_any, escape},
    {"urlquery", 0, k_any, escape},
    {"json", 1, 1, json_text},
    {"join", 2, 2, unnamed<join_texts>},
    {"split", 2, 2, unnamed<split_text>},
    {"lower", 1, 1, change_case},
    {"upper", 1, 1, change_case},
    {"title", 1, 1, change_case},
    {"pad", 3, 3, unnamed<pad_text>},
    {"truncate", 2, 2, unnamed<truncate_text>},
    {"call", 1, k_any, [](std::string_view, Args, Json&) { return Answer(wrong("call of non-function")); }},
}};

const Function* find_function(std::string_view name) {
  const auto found =
      std::find_if(k_functions.begin(), k_functions.end(), [&](const auto& f) { return f.name == name; });
  return found == k_functions.end() ? nullptr : &*found;
}

}  // namespace

bool is_template_function(std::string_view name) { return find_function(name) != nullptr; }

Result<TemplateValue> call_template_function(std::string_view name, std::span<const TemplateValue> args,
                                             Json& storage) {
  const Function* function = find_function(name);
  CTR_ASSERT(function != nullptr);
  if (args.size() < function->least || args.size() > function->most) {
    const bool open = function->most == k_any;
    return wrong(fmt::format("wrong number of args for {}: want {}{} got {}", name, open ? "at least " : "",
                             args.size() < function->least ? function->least : function->most, args.size()));
  }
  if (function->call == k_lazy) return wrong(fmt::format("{} needs arguments", name));
  auto result = function->call(name, args, storage);
  if (!result) return wrong(fmt::format("error calling {}: {}", name, result.error().message()));
  return result;
}

}  // namespace ctr::cli
