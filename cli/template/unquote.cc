#include "cli/template/unquote.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ctr::cli {
namespace {

// Length of the UTF-8 sequence at the front and its code point; U+FFFD and 1 when malformed.
struct Rune {
  uint32_t value;
  size_t length;
};
Rune decode_rune(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {0xFFFD, 1};
  uint32_t value = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0xFFFD, 1};
    value = (value << 6) | (byte(i) & 0x3Fu);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return {0xFFFD, 1};
  return {value, length};
}

std::optional<uint32_t> digits(std::string_view text, size_t count, int base) {
  if (text.size() < count) return {};
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value, base);
  if (error != std::errc() || end != text.data() + count) return {};
  return value;
}

// One escape behind its backslash: appends it and gives its length.
std::optional<size_t> unescape(std::string_view text, char quote, std::string& out) {
  if (text.empty()) return {};
  static constexpr std::string_view k_names = "abfnrtv\\";
  static constexpr std::string_view k_values = "\a\b\f\n\r\t\v\\";
  const char c = text[0];
  if (const size_t found = k_names.find(c); found != std::string_view::npos) return out += k_values[found], 1;
  if (c == quote && quote != '`') return out += c, 1;
  if (c == 'x' || (c >= '0' && c <= '7')) {
    const size_t skip = c == 'x' ? 1 : 0;
    const auto value = c == 'x' ? digits(text.substr(1), 2, 16) : digits(text, 3, 8);
    if (!value || *value > 0xFF) return {};
    out += static_cast<char>(*value);
    return skip + (c == 'x' ? 2 : 3);
  }
  if (c == 'u' || c == 'U') {
    const size_t count = c == 'u' ? 4 : 8;
    const auto value = digits(text.substr(1), count, 16);
    if (!value || *value > 0x10FFFF || (*value >= 0xD800 && *value < 0xE000)) return {};
    append_rune(out, *value);
    return 1 + count;
  }
  return {};
}

}  // namespace

void append_rune(std::string& out, uint32_t rune) {
  if (rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000)) rune = 0xFFFD;
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((rune >> shift) & 0x3F)); };
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xC0 | (rune >> 6));
    tail(0);
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xE0 | (rune >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (rune >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

int32_t first_rune(std::string_view text) {
  return text.empty() ? 0xFFFD : static_cast<int32_t>(decode_rune(text).value);
}

size_t count_runes(std::string_view text) {
  size_t count = 0;
  while (!text.empty()) {
    text.remove_prefix(decode_rune(text).length);
    ++count;
  }
  return count;
}

std::optional<std::string> unquote_go(std::string_view literal) {
  if (literal.size() < 2 || literal.front() != literal.back()) return {};
  const char quote = literal.front();
  std::string_view body = literal.substr(1, literal.size() - 2);
  std::string out;
  if (quote == '`') {
    std::copy_if(body.begin(), body.end(), std::back_inserter(out), [](char c) { return c != '\r'; });
    return out;
  }
  while (!body.empty()) {
    if (body[0] != '\\') {
      out += body[0];
      body.remove_prefix(1);
      continue;
    }
    const auto length = unescape(body.substr(1), quote, out);
    if (!length) return {};
    body.remove_prefix(1 + *length);
  }
  if (quote == '\'' && count_runes(out) != 1) return {};
  return out;
}

std::string quote_go(std::string_view text) {
  static constexpr std::string_view k_names = "abtnvfr";
  std::string out = "\"";
  while (!text.empty()) {
    const auto [rune, length] = decode_rune(text);
    const bool malformed = rune == 0xFFFD && length == 1;
    if (malformed) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (rune == '"' || rune == '\\') {
      out += '\\';
      out += static_cast<char>(rune);
    } else if (rune >= 7 && rune <= 13) {
      out += '\\';
      out += k_names[rune - 7];
    } else if (rune < 0x20 || rune == 0x7F) {
      out += fmt::format("\\x{:02x}", rune);
    } else if ((rune >= 0x80 && rune < 0xA0) || rune == 0xAD || (rune >= 0x2028 && rune <= 0x202E)) {
      out += fmt::format("\\u{:04x}", rune);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out + '"';
}

std::optional<Json> parse_go_number(std::string_view text) {
  std::string plain;
  std::copy_if(text.begin(), text.end(), std::back_inserter(plain), [](char c) { return c != '_'; });
  std::string_view body = plain;
  const bool negative = body.starts_with('-');
  if (negative || body.starts_with('+')) body.remove_prefix(1);
  int base = 10;
  if (body.size() > 1 && body[0] == '0') {
    const char mark = static_cast<char>(body[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    if (mark == 'x' || mark == 'b' || mark == 'o') body.remove_prefix(2);
  }
  uint64_t value = 0;
  const char* const last = body.data() + body.size();
  const auto [end, error] = std::from_chars(body.data(), last, value, base);
  const uint64_t bound = uint64_t{INT64_MAX} + (negative ? 1 : 0);
  if (!body.empty() && error == std::errc() && end == last && value <= bound) {
    return Json(negative ? static_cast<int64_t>(0 - value) : static_cast<int64_t>(value));
  }
  double real = 0;
  const auto [real_end, real_error] = std::from_chars(body.data(), last, real);
  if (body.empty() || real_error != std::errc() || real_end != last) return {};
  return Json(negative ? -real : real);
}

}  // namespace ctr::cli
