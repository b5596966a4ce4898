// What the codecs of config.json have in common.
#pragma once

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "runtime/kernel_names.h"

namespace ctr::runtime {

struct IdMap;
struct SpecLinux;

// Id maps, as containers and id-mapped mounts have them: uidMappings and gidMappings of the object.
void set_id_map(Json* object, const IdMap& ids);
Result<IdMap> id_map_from_json(const JsonReader& reader);
Json to_json(const SpecLinux& config);
Result<SpecLinux> linux_from_json(const JsonReader& reader);

// Empty lists and texts are left out, as the schema has them optional.
inline void set_text(Json* object, const char* key, const std::string& value) {
  if (!value.empty()) object->set(key, value);
}

inline void set_strings(Json* object, const char* key, const std::vector<std::string>& values) {
  if (!values.empty()) object->set(key, Json::strings(values));
}

template <typename T>
Result<T> narrow(const JsonReader& reader, std::string_view key, uint64_t value) {
  if (value > std::numeric_limits<T>::max()) return reader.wrong(key, "a number in range");
  return static_cast<T>(value);
}

template <typename T>
Result<std::optional<T>> find_narrow(const JsonReader& reader, std::string_view key) {
  const auto value = TRY(reader.find_uint(key));
  if (!value) return std::optional<T>();
  return std::optional<T>(TRY(narrow<T>(reader, key, *value)));
}

// Each of `values`, the list at `key`, is one of `known`. Errors: invalid, naming the element.
inline Result<void> check_names(const JsonReader& reader, std::string_view key, const std::vector<std::string>& values,
                                std::span<const KernelName> known, std::string_view what) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!find_value(known, values[i])) return reader.wrong(fmt::format("{}[{}]", key, i), what);
  }
  return ok();
}

}  // namespace ctr::runtime
