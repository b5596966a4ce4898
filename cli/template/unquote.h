// Go's literals: quoted strings and numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace ctr::cli {

// The text of a Go string literal with its quotes ("…", `…`, '…'); nullopt when it is malformed.
std::optional<std::string> unquote_go(std::string_view literal);
// As strconv.Quote prints it.
std::string quote_go(std::string_view text);
// Decimal, 0x, 0o, 0b, with '_' between digits, or a floating-point number; nullopt when malformed.
std::optional<Json> parse_go_number(std::string_view text);
// The first code point of UTF-8 text; U+FFFD for a malformed one.
int32_t first_rune(std::string_view text);
// Appends a code point as UTF-8.
void append_rune(std::string& out, uint32_t rune);
// Number of code points.
size_t count_runes(std::string_view text);

}  // namespace ctr::cli
