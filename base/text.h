// Small text functions that know nothing of containers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctr {

// Two lower-case hex digits for each byte.
std::string to_hex(std::string_view bytes);
// True for a non-empty text of 0-9 and a-f.
bool is_lower_hex(std::string_view text);
// Between separators; an empty text is one empty part.
std::vector<std::string> split(std::string_view text, char separator);
// At the first separator; nullopt when there is none.
std::optional<std::pair<std::string, std::string>> split_once(std::string_view text, char separator);
// The parts in one text, `separator` between them.
std::string join(const std::vector<std::string>& parts, std::string_view separator);
// Without ASCII white space at both ends.
std::string_view trim(std::string_view text);
// ASCII letters only.
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

// One character at the start of a text.
struct Utf8Char {
  char32_t code = 0;  // U+FFFD for a byte that begins no valid character
  size_t size_bytes = 0;
  bool valid = false;
};
// The first character of a non-empty text. Overlong forms, surrogates and values over U+10FFFF are invalid; an invalid
// byte stands for one character, as in Go.
Utf8Char first_character(std::string_view text);

// Untrusted text made safe for a terminal: the bytes of control and bidirectional characters, of line separators and
// of invalid UTF-8 become \xNN. Cut between characters when more than `limit_bytes` would come out, with "..." behind.
std::string printable(std::string_view text, size_t limit_bytes = 512);
// The first `width` characters with "..." behind when there are more.
std::string ellipsis(std::string_view text, size_t width);
// Decimal units with `digits` significant digits at most: "2.131MB", or "2.13 MB" with " " and 3.
// Source: go-units HumanSize (4 digits) and HumanSizeWithPrecision.
std::string human_size(uint64_t size_bytes, std::string_view separator = "", int digits = 4);
// Matches the whole text: '*' is any run of characters, '?' any one, everything else itself.
bool wildcard_match(std::string_view pattern, std::string_view text);

}  // namespace ctr
