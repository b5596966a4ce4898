// Words for the values of enumerations, as constant tables.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/result.h"

namespace ctr::engine {

template <typename Enum, size_t N>
using EnumWords = std::array<std::pair<Enum, std::string_view>, N>;

// The table has a word for the value.
template <typename Enum, size_t N>
std::string_view word_of(const EnumWords<Enum, N>& words, Enum value) {
  for (const auto& [candidate, word] : words) {
    if (candidate == value) return word;
  }
  CTR_ASSERT(false);
  return {};
}

// The value whose word is at `key`; `fallback` when the member is absent. Errors: as of JsonReader, for other words.
template <typename Enum, size_t N>
Result<Enum> read_enum(const JsonReader& reader, std::string_view key, const EnumWords<Enum, N>& words, Enum fallback) {
  const auto text = TRY(reader.find_string(key));
  if (!text) return fallback;
  for (const auto& [candidate, word] : words) {
    if (word == *text) return candidate;
  }
  return reader.wrong(key, "a known word");
}

}  // namespace ctr::engine
