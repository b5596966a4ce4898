// JsonReader: the fields of objects, by name.
#include "base/json.h"

namespace ctr {
namespace {

// What a field is converted from, for the templates below.
struct AsString {
  static constexpr std::string_view k_words = "a string";
  static std::optional<std::string> from(const Json& value) {
    return value.is_string() ? std::optional(value.as_string()) : std::nullopt;
  }
};
struct AsBool {
  static constexpr std::string_view k_words = "a boolean";
  static std::optional<bool> from(const Json& value) {
    return value.is_bool() ? std::optional(value.as_bool()) : std::nullopt;
  }
};
struct AsInt {
  static constexpr std::string_view k_words = "an integer";
  static std::optional<int64_t> from(const Json& value) {
    if (!value.is_integer() || value.as_uint() > uint64_t{INT64_MAX}) return std::nullopt;
    return value.as_int();
  }
};
struct AsUint {
  static constexpr std::string_view k_words = "an integer of 0 or more";
  static std::optional<uint64_t> from(const Json& value) {
    if (!value.is_integer() || value.as_int() < 0) return std::nullopt;
    return value.as_uint();
  }
};

template <typename As>
using Optional = decltype(As::from(Json()));

template <typename As>
Result<Optional<As>> convert(const JsonReader& reader, std::string_view key, const Json* member) {
  if (member == nullptr) return Optional<As>();
  auto value = As::from(*member);
  if (!value) return reader.wrong(key, As::k_words);
  return value;
}

// `missing` makes the error: most often there is none to make.
template <typename T, typename Missing>
Result<T> required(Result<std::optional<T>> found, const Missing& missing) {
  auto value = TRY(std::move(found));
  if (!value) return missing();
  return *std::move(value);
}

template <typename T>
Result<T> either(Result<std::optional<T>> found, T fallback) {
  return TRY(std::move(found)).value_or(std::move(fallback));
}

}  // namespace

Result<void> JsonReader::expect_object() const {
  if (!value_->is_object()) return wrong("", "an object");
  return ok();
}

bool JsonReader::has(std::string_view key) const {
  const Json* found = value_->find(key);
  return found != nullptr && !found->is_null();
}

Result<const Json*> JsonReader::member(std::string_view key) const {
  TRY(expect_object());
  const Json* found = value_->find(key);
  return found != nullptr && !found->is_null() ? found : nullptr;
}

std::string JsonReader::path_of(std::string_view key) const {
  if (key.empty()) return path_;
  return path_ + (nested_ ? "." : ": ") + std::string(key);
}

Error JsonReader::wrong(std::string_view key, std::string_view expected) const {
  return Error(Errc::invalid, path_of(key) + " is not " + std::string(expected));
}

Error JsonReader::missing(std::string_view key) const { return Error(Errc::invalid, path_of(key) + " is missing"); }

Result<std::optional<std::string>> JsonReader::find_string(std::string_view key) const {
  return convert<AsString>(*this, key, TRY(member(key)));
}
Result<std::optional<int64_t>> JsonReader::find_int(std::string_view key) const {
  return convert<AsInt>(*this, key, TRY(member(key)));
}
Result<std::optional<uint64_t>> JsonReader::find_uint(std::string_view key) const {
  return convert<AsUint>(*this, key, TRY(member(key)));
}
Result<std::optional<bool>> JsonReader::find_bool(std::string_view key) const {
  return convert<AsBool>(*this, key, TRY(member(key)));
}

Result<std::string> JsonReader::get_string(std::string_view key) const {
  return required(find_string(key), [&] { return missing(key); });
}
Result<int64_t> JsonReader::get_int(std::string_view key) const {
  return required(find_int(key), [&] { return missing(key); });
}
Result<uint64_t> JsonReader::get_uint(std::string_view key) const {
  return required(find_uint(key), [&] { return missing(key); });
}
Result<bool> JsonReader::get_bool(std::string_view key) const {
  return required(find_bool(key), [&] { return missing(key); });
}

Result<std::string> JsonReader::string_or(std::string_view key, std::string fallback) const {
  return either(find_string(key), std::move(fallback));
}
Result<int64_t> JsonReader::int_or(std::string_view key, int64_t fallback) const {
  return either(find_int(key), fallback);
}
Result<uint64_t> JsonReader::uint_or(std::string_view key, uint64_t fallback) const {
  return either(find_uint(key), fallback);
}
Result<bool> JsonReader::bool_or(std::string_view key, bool fallback) const { return either(find_bool(key), fallback); }

Result<std::vector<std::string>> JsonReader::strings(std::string_view key) const {
  std::vector<std::string> values;
  for (const auto& element : TRY(elements(key))) {
    if (!element.value().is_string()) return element.wrong("", AsString::k_words);
    values.push_back(element.value().as_string());
  }
  return values;
}

Result<std::map<std::string, std::string>> JsonReader::string_map(std::string_view key) const {
  std::map<std::string, std::string> values;
  auto object = TRY(find_object(key));
  if (!object) return values;
  for (const auto& [name, value] : object->value().as_object()) {
    if (!value.is_string()) return object->wrong(name, AsString::k_words);
    values.emplace(name, value.as_string());
  }
  return values;
}

Result<std::optional<JsonReader>> JsonReader::find_object(std::string_view key) const {
  const Json* found = TRY(member(key));
  if (found == nullptr) return std::optional<JsonReader>();
  if (!found->is_object()) return wrong(key, "an object");
  return std::optional(JsonReader(*found, path_of(key), true));
}

Result<std::vector<JsonReader>> JsonReader::elements(std::string_view key) const {
  std::vector<JsonReader> readers;
  const Json* found = TRY(member(key));
  if (found == nullptr) return readers;
  if (!found->is_array()) return wrong(key, "an array");
  readers.reserve(found->as_array().size());
  for (const Json& element : found->as_array()) {
    readers.push_back(JsonReader(element, path_of(key) + "[" + std::to_string(readers.size()) + "]", true));
  }
  return readers;
}

}  // namespace ctr
