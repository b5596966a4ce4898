#include "base/toml.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// toml++ 3.3 asserts what "[.]" breaks: such text must not abort us.
#define TOML_ASSERT(expr) ((expr) ? (void)0 : throw 0)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wterminate"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

namespace ctr {
namespace {

using Lines = std::map<std::string, unsigned, std::less<>>;

// The parser itself refuses values nested deeper than 256.
Json convert(const toml::node& node, const std::string& path, Lines& lines) {
  if (const auto* table = node.as_table()) {
    Json object = Json::object();
    for (const auto& [key, value] : *table) {
      const auto below = path.empty() ? std::string(key.str()) : fmt::format("{}.{}", path, key.str());
      lines[below] = key.source().begin.line;
      object.set(std::string(key.str()), convert(value, below, lines));
    }
    return object;
  }
  if (const auto* array = node.as_array()) {
    Json list = Json::array();
    size_t index = 0;
    for (const auto& value : *array) list.push(convert(value, fmt::format("{}[{}]", path, index++), lines));
    return list;
  }
  if (const auto* text = node.as_string()) return Json(text->get());
  if (const auto* number = node.as_integer()) return Json(number->get());
  if (const auto* number = node.as_floating_point()) return Json(number->get());
  if (const auto* flag = node.as_boolean()) return Json(flag->get());
  return Json();
}

}  // namespace

Result<Toml> parse_toml(std::string_view text, const std::string& file) try {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const auto& error = parsed.error();
    const auto& begin = error.source().begin;
    return Error(Errc::invalid, file + ":" + std::to_string(begin.line) + ":" + std::to_string(begin.column) +
                                    ": not valid TOML: " + printable(error.description()));
  }
  Toml document;
  document.root = convert(parsed.table(), "", document.lines);
  return document;
} catch (int) {
  return Error(Errc::invalid, file + ": not valid TOML");
}

std::string without_indexes(std::string_view path) {
  std::string plain;
  bool in_index = false;
  for (const char c : path) {
    if (c == ']') in_index = false;
    if (!in_index) plain += c;
    if (c == '[') in_index = true;
  }
  return plain;
}

std::string unknown_key(const std::string& file, unsigned line, std::string_view path) {
  return fmt::format("{}:{}: unknown key {}", file, line, printable(path));
}

}  // namespace ctr
