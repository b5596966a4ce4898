#include "tests/json_oracle.h"

#include <nlohmann/json.hpp>

namespace ctr::test {
namespace {

nlohmann::json convert(const Json& value) {
  if (value.is_null()) return nullptr;
  if (value.is_bool()) return value.as_bool();
  if (value.is_string()) return value.as_string();
  if (value.is_integer()) {
    if (Json(value.as_int()) == value) return value.as_int();
    return value.as_uint();
  }
  if (value.is_number()) return value.as_double();
  if (value.is_array()) {
    auto array = nlohmann::json::array();
    for (const auto& element : value.as_array()) array.push_back(convert(element));
    return array;
  }
  auto object = nlohmann::json::object();
  for (const auto& [key, member] : value.as_object()) object[key] = convert(member);
  return object;
}

// What nlohmann_json takes and we refuse.
bool is_refused_on_purpose(std::string_view text, const std::string& problem) {
  if (text.starts_with("\xEF\xBB\xBF") || text.find('\0') != std::string_view::npos) return true;
  for (const char* limit : {" twice in the object ", " is nested deeper ", " values at ", " bytes, more than "}) {
    if (problem.find(limit) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> disagreement(std::string_view text, const Result<Json>& ours) {
  auto theirs = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (!ours) {
    if (theirs.is_discarded() || is_refused_on_purpose(text, ours.error().message())) return std::nullopt;
    return "refused by ours only: " + ours.error().message();
  }
  if (theirs.is_discarded()) return "accepted by ours only";
  if (convert(*ours) != theirs) return "read as " + convert(*ours).dump() + " and " + theirs.dump();
  return std::nullopt;
}

}  // namespace ctr::test
