#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace ctr {
namespace {

constexpr std::string_view k_hex_digits = "0123456789abcdef";
constexpr std::string_view k_ellipsis = "...";

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// Characters that move the cursor, end the line or reorder what is read.
bool is_unsafe(char32_t code) {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return true;  // C0, DEL, C1
  if (code == 0x061C || code == 0x200E || code == 0x200F) return true;
  if (code >= 0x2028 && code <= 0x202E) return true;  // line and paragraph separators, embeddings and overrides
  return code >= 0x2066 && code <= 0x2069;            // isolates
}

bool is_plain_ascii(char c) { return c >= 0x20 && c < 0x7F; }

}  // namespace

std::string to_hex(std::string_view bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (char byte : bytes) {
    auto value = static_cast<unsigned char>(byte);
    hex += k_hex_digits[value >> 4U];
    hex += k_hex_digits[value & 0xFU];
  }
  return hex;
}

bool is_lower_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of(k_hex_digits) == std::string_view::npos;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::pair<std::string, std::string>> split_once(std::string_view text, char separator) {
  size_t end = text.find(separator);
  if (end == std::string_view::npos) return std::nullopt;
  return std::pair(std::string(text.substr(0, end)), std::string(text.substr(end + 1)));
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const auto& part : parts) {
    if (&part != &parts.front()) text += separator;
    text += part;
  }
  return text;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string to_upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

Utf8Char first_character(std::string_view text) {
  constexpr Utf8Char k_invalid{.code = 0xFFFD, .size_bytes = 1, .valid = false};
  auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {.code = lead, .size_bytes = 1, .valid = true};
  size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return k_invalid;
  char32_t code = lead & (0xFFU >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if (!is_continuation(text[i])) return k_invalid;
    code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> k_smallest = {0, 0, 0x80, 0x800, 0x10000};
  if (code < k_smallest.at(size) || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return k_invalid;
  return {.code = code, .size_bytes = size, .valid = true};
}

std::string printable(std::string_view text, size_t limit_bytes) {
  std::string safe;
  safe.reserve(std::min(text.size(), limit_bytes));
  while (!text.empty()) {
    // Nearly all text is made of these.
    const auto plain = static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_plain_ascii) - text.begin());
    if (plain > 0 && plain <= limit_bytes - safe.size()) {
      safe += text.substr(0, plain);
      text.remove_prefix(plain);
      continue;
    }
    Utf8Char character = first_character(text);
    std::string_view bytes = text.substr(0, character.size_bytes);
    bool escaped = !character.valid || is_unsafe(character.code);
    if (safe.size() + bytes.size() * (escaped ? 4 : 1) > limit_bytes) return safe.append(k_ellipsis);
    if (escaped) {
      for (char byte : bytes) safe.append("\\x").append(to_hex({&byte, 1}));
    } else {
      safe += bytes;
    }
    text.remove_prefix(character.size_bytes);
  }
  return safe;
}

std::string ellipsis(std::string_view text, size_t width) {
  size_t end = 0;
  for (size_t count = 0; count < width && end < text.size(); ++count) {
    end += first_character(text.substr(end)).size_bytes;
  }
  std::string cut(text.substr(0, end));
  return end < text.size() ? cut.append(k_ellipsis) : cut;
}

std::string human_size(uint64_t size_bytes, std::string_view separator, int digits) {
  constexpr std::array<const char*, 7> k_units = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto size = static_cast<double>(size_bytes);
  size_t unit = 0;
  while (size >= 1000.0 && unit + 1 < k_units.size()) {
    size /= 1000.0;
    ++unit;
  }
  std::array<char, 64> number{};
  int length = std::snprintf(number.data(), number.size(), "%.*g", digits, size);
  return std::string(number.data(), static_cast<size_t>(length)).append(separator).append(k_units.at(unit));
}

bool wildcard_match(std::string_view pattern, std::string_view text) {
  size_t at = 0;
  size_t seen = 0;
  // The last '*' and where its run ends so far: on a mismatch only that run may grow, so the time is bounded by
  // pattern times text.
  size_t star = std::string_view::npos;
  size_t run_end = 0;
  while (seen < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      run_end = seen;
    } else if (at < pattern.size() && pattern[at] == '?') {
      seen += first_character(text.substr(seen)).size_bytes;
      ++at;
    } else if (at < pattern.size() && pattern[at] == text[seen]) {
      ++at;
      ++seen;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      run_end += first_character(text.substr(run_end)).size_bytes;
      seen = run_end;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

}  // namespace ctr
