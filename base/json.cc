#include "base/json.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json_plain.h"
#include "base/text.h"

namespace ctr {
namespace {

// A pointer into the text that also leaves its place where the handler can see it: the SAX interface does not say where
// a value stands.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor(const char* at, const char** seen) : at_(at), seen_(seen) {}
  reference operator*() const { return *at_; }
  Cursor& operator++() { return *seen_ = ++at_, *this; }
  Cursor operator++(int) {
    Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  const char** seen_;
};

std::string place(std::string_view text, size_t offset) {
  std::string_view before = text.substr(0, offset);
  size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  size_t newline = before.rfind('\n');
  size_t column = newline == std::string_view::npos ? before.size() : before.size() - newline - 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(std::max<size_t>(column, 1));
}

// Builds the value from the parser's calls; a false return stops the parser, with `problem` set.
class Builder {
 public:
  explicit Builder(JsonLimits limits) : limits_(limits) {}

  bool null() { return add(Json()); }
  bool boolean(bool value) { return add(Json(value)); }
  bool number_integer(int64_t value) { return add(Json(value)); }
  bool number_unsigned(uint64_t value) { return add(Json(value)); }
  bool number_float(double value, const std::string& /*text*/) { return add(Json(value)); }
  bool string(std::string& value) { return add(Json(std::move(value))); }
  bool binary(std::vector<uint8_t>& /*value*/) { return false; }  // not in JSON text
  bool start_object(size_t /*size*/) { return open(Json::object()); }
  bool start_array(size_t /*size*/) { return open(Json::array()); }
  bool key(std::string& value) {
    open_.back().key = std::move(value);
    return true;
  }
  bool end_object() {
    if (const std::string* twice = repeated_key(open_.back().value.as_object())) {
      problem_ = "has the member '" + printable(*twice, 64) + "' twice in the object that ends";
      return false;
    }
    return close();
  }
  bool end_array() { return close(); }
  template <typename Failure>
  bool parse_error(size_t /*position*/, const std::string& /*token*/, const Failure& /*failure*/) {
    problem_ = "is not JSON";
    return false;
  }

  const std::string& problem() const { return problem_; }
  Json take() && { return std::move(root_); }

 private:
  // An array or object whose end has not come, and the name of the member that is being read.
  struct Open {
    Json value;
    std::string key;
  };

  static const std::string* repeated_key(const Json::Object& members) {
    std::vector<const std::string*> keys;
    keys.reserve(members.size());
    for (const auto& [key, value] : members) keys.push_back(&key);
    std::sort(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a < *b; });
    auto twice = std::adjacent_find(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a == *b; });
    return twice == keys.end() ? nullptr : *twice;
  }

  bool count() {
    if (++values_ <= limits_.values) return true;
    problem_ = "has more than " + std::to_string(limits_.values) + " values";
    return false;
  }

  bool open(Json value) {
    if (open_.size() >= static_cast<size_t>(limits_.depth)) {
      problem_ = "is nested deeper than " + std::to_string(limits_.depth) + " levels";
      return false;
    }
    if (!count()) return false;
    open_.push_back({.value = std::move(value), .key = {}});
    return true;
  }

  bool close() {
    Json value = std::move(open_.back().value);
    open_.pop_back();
    return place_value(std::move(value));
  }

  bool add(Json value) { return count() && place_value(std::move(value)); }

  bool place_value(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().value.is_array()) {
      open_.back().value.as_array().push_back(std::move(value));
    } else {
      open_.back().value.as_object().emplace_back(std::move(open_.back().key), std::move(value));
    }
    return true;
  }

  JsonLimits limits_;
  std::vector<Open> open_;
  Json root_;
  size_t values_ = 0;
  std::string problem_;
};

}  // namespace

Result<Json> parse_own_json_members(std::string_view text, std::string_view what,
                                    std::span<const std::string_view> wanted) {
  if (auto plain = read_plain_json(text, {}, wanted)) return *std::move(plain);
  return parse_json(text, what);
}

Result<Json> parse_own_json(std::string_view text, std::string_view what) {
  if (auto plain = read_plain_json(text, {})) return *std::move(plain);
  return parse_json(text, what);
}

Result<Json> parse_json(std::string_view text, std::string_view what, JsonLimits limits) {
  if (text.size() > limits.size_bytes) {
    return Error(Errc::invalid, std::string(what) + " has " + std::to_string(text.size()) +
                                    " bytes, more than the limit of " + std::to_string(limits.size_bytes));
  }
  // The parser takes a NUL byte for the end and would not look at what follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return Error(Errc::invalid, std::string(what) + " has a NUL byte at " + place(text, nul));
  }
  Builder builder(limits);
  const char* seen = text.data();
  bool parsed =
      nlohmann::json::sax_parse(Cursor(text.data(), &seen), Cursor(text.data() + text.size(), &seen), &builder);
  if (parsed) return std::move(builder).take();
  auto offset = static_cast<size_t>(seen - text.data());
  return Error(Errc::invalid, std::string(what) + " " + builder.problem() + " at " + place(text, offset));
}

}  // namespace ctr
