#include "cli/yaml.h"

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "base/text.h"
#include "cli/template/unquote.h"
#include "cli/template/value.h"

namespace ctr::cli {
namespace {

bool needs_quotes(const std::string& text) {
  static constexpr std::array<std::string_view, 11> k_words = {"null", "true", "false", "yes", "no", "on",
                                                               "off",  "~",    "y",     "n",   ""};
  const std::string lower = to_lower(text);
  if (std::find(k_words.begin(), k_words.end(), lower) != k_words.end()) return true;
  if (parse_go_number(text)) return true;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@` ").find(text[0]) != std::string_view::npos) return true;
  return text.find(": ") != std::string::npos || text.find(" #") != std::string::npos || text.ends_with(':') ||
         text.ends_with(' ') || text.find_first_of("\n\t\r\x1b") != std::string::npos;
}

std::string scalar(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_string()) return needs_quotes(value.as_string()) ? quote_go(value.as_string()) : value.as_string();
  return print_value(value, false);
}

bool is_empty(const Json& value) {
  return (value.is_array() && value.as_array().empty()) || (value.is_object() && value.as_object().empty());
}

std::vector<const std::pair<std::string, Json>*> sorted_members(const Json& value) {
  std::vector<const std::pair<std::string, Json>*> members;
  for (const auto& member : value.as_object()) members.push_back(&member);
  std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  return members;
}

void block(const Json& value, size_t indent, bool first_inline, std::string& out) {
  const std::string margin(indent, ' ');
  const auto child = [&](const Json& item, std::string_view separator) {
    if (is_empty(item)) {
      out += std::string(separator) + (item.is_array() ? "[]" : "{}") + "\n";
    } else if (item.is_object() || item.is_array()) {
      // A list stands as far left as its key.
      out += '\n';
      block(item, item.is_array() && value.is_object() ? indent : indent + 2, false, out);
    } else {
      out += std::string(separator) + scalar(item) + "\n";
    }
  };
  if (value.is_object()) {
    for (const auto* member : sorted_members(value)) {
      if (!std::exchange(first_inline, false)) out += margin;
      out += (needs_quotes(member->first) ? quote_go(member->first) : member->first) + ":";
      child(member->second, " ");
    }
    return;
  }
  for (const auto& item : value.as_array()) {
    out += margin + "-";
    if (item.is_object() && !item.as_object().empty()) {
      out += ' ';
      block(item, indent + 2, true, out);
    } else {
      child(item, " ");
    }
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  if (is_empty(value)) return value.is_array() ? "[]\n" : "{}\n";
  if (!value.is_object() && !value.is_array()) return scalar(value) + "\n";
  std::string out;
  block(value, 0, false, out);
  return out;
}

}  // namespace ctr::cli
