#include "registry/toml.h"

#include <utility>

#include "base/text.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// toml++ 3.3 asserts what "[.]" breaks: such text must not abort us. The same words stand in engine/config.cc, since
// the parser's inline functions are shared.
#define TOML_ASSERT(expr) ((expr) ? (void)0 : throw 0)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wterminate"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

namespace ctr::registry {
namespace {

// The parser itself refuses values nested deeper than 256.
Json convert(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    Json object = Json::object();
    for (const auto& [key, value] : *table) object.set(std::string(key.str()), convert(value));
    return object;
  }
  if (const auto* array = node.as_array()) {
    Json list = Json::array();
    for (const auto& value : *array) list.push(convert(value));
    return list;
  }
  if (const auto* text = node.as_string()) return Json(text->get());
  if (const auto* number = node.as_integer()) return Json(number->get());
  if (const auto* number = node.as_floating_point()) return Json(number->get());
  if (const auto* flag = node.as_boolean()) return Json(flag->get());
  return Json();
}

}  // namespace

Result<Json> parse_toml(std::string_view text, const std::string& file) try {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const auto& error = parsed.error();
    const auto& begin = error.source().begin;
    return Error(Errc::invalid, file + ":" + std::to_string(begin.line) + ":" + std::to_string(begin.column) +
                                    ": not valid TOML: " + printable(error.description()));
  }
  return convert(parsed.table());
} catch (int) {
  return Error(Errc::invalid, file + ": not valid TOML");
}

}  // namespace ctr::registry
