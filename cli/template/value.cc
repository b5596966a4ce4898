#include "cli/template/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/time.h"

namespace ctr::cli {
namespace {

// Whether an object looks like a Go map by itself: structs have members that are Go identifiers.
bool looks_like_map(const Json& value) {
  return std::any_of(value.as_object().begin(), value.as_object().end(),
                     [](const auto& member) { return member.first.find_first_of("/.:-") != std::string::npos; });
}

void print_object(const Json& value, bool is_map, std::string& out);

void print_into(const Json& value, bool is_map, std::string& out) {
  if (value.is_null()) {
    out += "<nil>";
  } else if (value.is_bool()) {
    out += value.as_bool() ? "true" : "false";
  } else if (value.is_string()) {
    out += value.as_string();
  } else if (value.is_array()) {
    out += '[';
    bool first = true;
    for (const auto& element : value.as_array()) {
      if (!std::exchange(first, false)) out += ' ';
      print_into(element, is_map, out);
    }
    out += ']';
  } else if (value.is_object()) {
    print_object(value, is_map || looks_like_map(value), out);
  } else if (value.is_integer()) {
    out += dump_json(value);
  } else {
    out += print_float(value.as_double());
  }
}

void print_object(const Json& value, bool is_map, std::string& out) {
  auto members = value.as_object();
  if (is_map) std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  out += is_map ? "map[" : "{";
  bool first = true;
  for (const auto& [name, member] : members) {
    if (!std::exchange(first, false)) out += ' ';
    if (is_map) out += name + ':';
    print_into(member, false, out);
  }
  out += is_map ? ']' : '}';
}

}  // namespace

std::string print_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[400];
  const double magnitude = std::fabs(value);
  // %v of a float64 is %g with the shortest digits, but exponents only below 1e-4 and from 1e21 on.
  const bool exponent = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e21);
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value,
                                          exponent ? std::chars_format::scientific : std::chars_format::fixed);
  return std::string(buffer, end);
}

std::string print_value(const Json& value, bool is_map) {
  std::string out;
  print_into(value, is_map, out);
  return out;
}

std::string print_value(const TemplateValue& value) {
  if (value.json == nullptr) return "<no value>";
  if (value.json->is_null() && value.empty != nullptr) return print_value(*value.empty, value.is_map);
  if (value.is_time && value.json->is_string()) {
    if (const auto time = parse_rfc3339(value.json->as_string(), "time")) return format_go_time(*time);
  }
  return print_value(*value.json, value.is_map);
}

bool is_true(const TemplateValue& value) {
  if (value.json == nullptr || value.json->is_null()) return false;
  const Json& json = *value.json;
  if (json.is_bool()) return json.as_bool();
  if (json.is_string()) return !json.as_string().empty();
  if (json.is_array()) return !json.as_array().empty();
  if (json.is_object()) return !json.as_object().empty();
  if (json.is_integer()) return json != Json(0);
  return json.as_double() != 0;
}

std::string type_name(const TemplateValue& value) {
  if (value.json == nullptr || value.json->is_null()) return "nil";
  const Json& json = *value.json;
  if (json.is_bool()) return "bool";
  if (json.is_string()) return "string";
  if (json.is_array()) {
    const bool strings =
        std::all_of(json.as_array().begin(), json.as_array().end(), [](const Json& x) { return x.is_string(); });
    return strings ? "[]string" : "[]interface {}";
  }
  if (json.is_object()) return value.is_map || value.type.empty() ? "map[string]interface {}" : value.type;
  return json.is_integer() ? "int" : "float64";
}

}  // namespace ctr::cli
