// Json: one JSON value, with a strict bounded parser, and a printer that matches Go's encoding/json.
//
// The nlohmann parser works behind it, in json.cc alone, since its header costs seconds in every file that sees it.
// What ctr itself wrote of its containers is read by json_plain.cc first: a listing reads two such documents of each.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace ctr {

class Json {
 public:
  using Array = std::vector<Json>;
  // Members keep the order they were added in, as Go structs print.
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;                                             // null
  Json(std::nullptr_t) {}                                       // NOLINT(google-explicit-constructor): literal
  Json(bool value) : value_(value) {}                           // NOLINT(google-explicit-constructor): literal
  Json(int value) : value_(int64_t{value}) {}                   // NOLINT(google-explicit-constructor): literal
  Json(unsigned value) : value_(int64_t{value}) {}              // NOLINT(google-explicit-constructor): literal
  Json(int64_t value) : value_(value) {}                        // NOLINT(google-explicit-constructor): literal
  Json(uint64_t value);                                         // NOLINT(google-explicit-constructor): literal
  Json(double value) : value_(value) {}                         // NOLINT(google-explicit-constructor): literal
  Json(const char* value) : value_(std::string(value)) {}       // NOLINT(google-explicit-constructor): literal
  Json(std::string value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor): literal
  Json(std::string_view value) : value_(std::string(value)) {}  // NOLINT(google-explicit-constructor): literal
  Json(Array value) : value_(std::move(value)) {}               // NOLINT(google-explicit-constructor): literal
  Json(Object value) : value_(std::move(value)) {}              // NOLINT(google-explicit-constructor): literal

  static Json array() { return Json(Array{}); }
  static Json object() { return Json(Object{}); }
  static Json strings(const std::vector<std::string>& values);
  static Json string_map(const std::map<std::string, std::string>& values);

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const {
    return std::holds_alternative<int64_t>(value_) || std::holds_alternative<uint64_t>(value_);
  }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // The caller has asked is_x() first. Numbers outside the asked range come out as its nearest end.
  bool as_bool() const { return std::get<bool>(value_); }
  int64_t as_int() const;
  uint64_t as_uint() const;
  double as_double() const;
  const std::string& as_string() const { return std::get<std::string>(value_); }
  const Array& as_array() const { return std::get<Array>(value_); }
  Array& as_array() { return std::get<Array>(value_); }
  const Object& as_object() const { return std::get<Object>(value_); }
  Object& as_object() { return std::get<Object>(value_); }

  // A member of an object; nullptr when this is no object or has no such member.
  const Json* find(std::string_view key) const;
  // Sets or replaces a member; turns null into an object. Returns *this for chains.
  Json& set(std::string key, Json value);
  // Appends to an array; turns null into an array.
  Json& push(Json value);

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Array, Object> value_;
};

struct JsonLimits {
  size_t size_bytes = size_t{4} << 20;
  int depth = 64;
  // A value takes up to 40 times the memory of its text ("0," of an array), so their number is bounded on its own.
  size_t values = size_t{1} << 18;
};
// Errors: invalid, with line and column and never the library's own words; duplicate members are refused.
Result<Json> parse_json(std::string_view text, std::string_view what, JsonLimits limits = {});
// The same for documents that ctr itself wrote, several times faster. Nothing that comes from elsewhere is read by it.
Result<Json> parse_own_json(std::string_view text, std::string_view what);
// Of such a document the members `wanted`, and perhaps others. "a.b" is the member b of the member a. What is left out
// may be wrong without an error.
Result<Json> parse_own_json_members(std::string_view text, std::string_view what,
                                    std::span<const std::string_view> wanted);

struct JsonStyle {
  int indent = -1;           // -1: one line, compact
  bool escape_html = false;  // as Go's default encoder: <, >, & become \u003c …
};
// Prints as Go's encoding/json: numbers, escapes, U+FFFD for invalid UTF-8, `"key": value` when indented.
std::string dump_json(const Json& value, JsonStyle style = {});

// Reads fields of one object with errors that name the path: "config.json: process.args[0] is not a string".
//
// Absent and null read alike. Unknown members are ignored.
//
// Does not own the value, which must outlive the reader and all readers made from it.
class JsonReader {
 public:
  // `path` names the document.
  JsonReader(const Json& value, std::string path) : value_(&value), path_(std::move(path)) {}

  const Json& value() const { return *value_; }
  const std::string& path() const { return path_; }
  Result<void> expect_object() const;
  bool has(std::string_view key) const;
  // Required members.
  Result<std::string> get_string(std::string_view key) const;
  Result<int64_t> get_int(std::string_view key) const;
  Result<uint64_t> get_uint(std::string_view key) const;
  Result<bool> get_bool(std::string_view key) const;
  // Optional members.
  Result<std::string> string_or(std::string_view key, std::string fallback) const;
  Result<int64_t> int_or(std::string_view key, int64_t fallback) const;
  Result<uint64_t> uint_or(std::string_view key, uint64_t fallback) const;
  Result<bool> bool_or(std::string_view key, bool fallback) const;
  Result<std::optional<std::string>> find_string(std::string_view key) const;
  Result<std::optional<int64_t>> find_int(std::string_view key) const;
  Result<std::optional<uint64_t>> find_uint(std::string_view key) const;
  Result<std::optional<bool>> find_bool(std::string_view key) const;
  // Absent reads as empty.
  Result<std::vector<std::string>> strings(std::string_view key) const;
  Result<std::map<std::string, std::string>> string_map(std::string_view key) const;
  // A nested object; nullopt when absent.
  Result<std::optional<JsonReader>> find_object(std::string_view key) const;
  // Elements of an array of anything; absent reads as empty.
  Result<std::vector<JsonReader>> elements(std::string_view key) const;
  // Error invalid: "PATH.key is not EXPECTED"; an empty key means this value itself.
  Error wrong(std::string_view key, std::string_view expected) const;

 private:
  JsonReader(const Json& value, std::string path, bool nested)
      : value_(&value), path_(std::move(path)), nested_(nested) {}
  // The member, or nullptr when absent or null; an error when this is no object.
  Result<const Json*> member(std::string_view key) const;
  std::string path_of(std::string_view key) const;
  Error missing(std::string_view key) const;

  const Json* value_;
  std::string path_;
  bool nested_ = false;
};

}  // namespace ctr
