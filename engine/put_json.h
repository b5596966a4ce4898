// Writers of JSON members that leave out what is empty.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"

namespace ctr::engine {

inline void put(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) json.set(key, value);
}
inline void put(Json& json, const char* key, const std::vector<std::string>& values) {
  if (!values.empty()) json.set(key, Json::strings(values));
}
inline void put(Json& json, const char* key, const std::map<std::string, std::string>& values) {
  if (!values.empty()) json.set(key, Json::string_map(values));
}
inline void put_flag(Json& json, const char* key, bool value, bool fallback = false) {
  if (value != fallback) json.set(key, value);
}
inline void put_object(Json& json, const char* key, Json value) {
  if (value.is_object() && !value.as_object().empty()) json.set(key, std::move(value));
}
inline void put_array(Json& json, const char* key, Json value) {
  if (value.is_array() && !value.as_array().empty()) json.set(key, std::move(value));
}

}  // namespace ctr::engine
