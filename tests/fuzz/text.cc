// Text for terminals, and wildcards.
#include "base/text.h"

#include "base/digest.h"
#include "tests/fuzz/fuzz.h"

namespace {

bool is_safe(std::string_view text) {
  while (!text.empty()) {
    auto character = ctr::first_character(text);
    if (!character.valid || character.code < 0x20 || (character.code >= 0x7F && character.code < 0xA0)) return false;
    if (character.code >= 0x202A && character.code <= 0x202E) return false;
    text.remove_prefix(character.size_bytes);
  }
  return true;
}

// The definition of a match, for short texts; '?' as one byte, so for ASCII only.
bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    return matches(pattern.substr(1), text) || (!text.empty() && matches(pattern, text.substr(1)));
  }
  bool first = !text.empty() && (pattern.front() == '?' || pattern.front() == text.front());
  return first && matches(pattern.substr(1), text.substr(1));
}

bool is_ascii(std::string_view text) {
  for (char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

}  // namespace

void fuzz(std::string_view text) {
  constexpr size_t k_limit = 64;
  auto safe = ctr::printable(text, k_limit);
  CTR_ASSERT(is_safe(safe));
  CTR_ASSERT(safe.size() <= k_limit + 3);
  CTR_ASSERT(ctr::printable(safe) == safe);
  CTR_ASSERT(ctr::ellipsis(text, 8).size() <= 8 * 4 + 3);
  CTR_ASSERT(ctr::join(ctr::split(text, ','), ",") == text);
  if (auto digest = ctr::Digest::parse(text)) CTR_ASSERT(digest->to_string() == text);

  auto halves = ctr::split_once(text, '\n');
  if (!halves) return;
  bool matched = ctr::wildcard_match(halves->first, halves->second);
  if (text.size() <= 16 && is_ascii(text)) CTR_ASSERT(matched == matches(halves->first, halves->second));
}
