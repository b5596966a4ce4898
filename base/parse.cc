#include "base/parse.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

#include "base/text.h"

namespace ctr {
namespace {

Error not_valid(std::string_view text, std::string_view kind, std::string_view what) {
  Error error(Errc::invalid,
              "'" + printable(text) + "' is not a valid " + std::string(kind) + " for " + std::string(what));
  if (kind == "size") return std::move(error).with_hint("a size is a number with b, k, m or g behind it: 512m");
  if (kind == "duration")
    return std::move(error).with_hint("a duration is made of numbers with units: 1h30m, 10s, 500ms");
  return error;
}

Error too_large(std::string_view text, std::string_view what, std::string_view limit) {
  return Error(Errc::invalid, "'" + printable(text) + "' for " + std::string(what) + " is larger than the limit of " +
                                  std::string(limit));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Removes the digits at the front and returns them.
std::string_view take_digits(std::string_view& text) {
  size_t count = 0;
  while (count < text.size() && is_digit(text[count])) ++count;
  std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

// A decimal number without sign: digits, and digits behind a point. At least one digit in all.
struct Decimal {
  std::string_view whole;
  std::string_view fraction;
};
std::optional<Decimal> take_decimal(std::string_view& text) {
  Decimal number;
  number.whole = take_digits(text);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    number.fraction = take_digits(text);
  }
  if (number.whole.empty() && number.fraction.empty()) return std::nullopt;
  return number;
}

// The value times `unit`, rounded down; nullopt above the largest int64_t.
std::optional<uint64_t> scale(const Decimal& number, uint64_t unit) {
  constexpr uint64_t k_max = std::numeric_limits<int64_t>::max();
  uint64_t whole = 0;
  for (char digit : number.whole) {
    auto value = static_cast<uint64_t>(digit - '0');
    if (whole > (k_max - value) / 10) return std::nullopt;
    whole = whole * 10 + value;
  }
  if (unit != 0 && whole > k_max / unit) return std::nullopt;
  // Digits of the fraction past the 18th are below any unit in use.
  uint64_t fraction = 0;
  double divisor = 1;
  for (char digit : number.fraction.substr(0, 18)) {
    fraction = fraction * 10 + static_cast<uint64_t>(digit - '0');
    divisor *= 10;
  }
  uint64_t sum =
      whole * unit + static_cast<uint64_t>(static_cast<double>(fraction) / divisor * static_cast<double>(unit));
  if (sum > k_max) return std::nullopt;
  return sum;
}

// The number of bytes that a suffix multiplies by.
std::optional<uint64_t> size_unit(std::string_view suffix) {
  constexpr std::string_view k_letters = "kmgtp";
  if (suffix.empty() || suffix == "b") return 1;
  size_t power = k_letters.find(suffix.front());
  suffix.remove_prefix(1);
  if (power == std::string_view::npos || !(suffix.empty() || suffix == "b" || suffix == "ib")) return std::nullopt;
  return uint64_t{1} << (10 * (power + 1));
}

std::optional<uint64_t> duration_unit(std::string_view name) {
  struct Unit {
    std::string_view name;
    uint64_t nanoseconds;
  };
  constexpr std::array<Unit, 8> k_units = {{{"ns", 1},
                                            {"us", 1'000},
                                            {"\u00B5s", 1'000},  // micro sign
                                            {"\u03BCs", 1'000},  // Greek small letter mu
                                            {"ms", 1'000'000},
                                            {"s", 1'000'000'000},
                                            {"m", 60'000'000'000},
                                            {"h", 3'600'000'000'000}}};
  const auto* unit = std::find_if(k_units.begin(), k_units.end(), [&](const Unit& u) { return u.name == name; });
  if (unit == k_units.end()) return std::nullopt;
  return unit->nanoseconds;
}

}  // namespace

Result<uint64_t> parse_unsigned(std::string_view text, std::string_view what, uint64_t max) {
  uint64_t number = 0;
  auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size() || text.empty() || status == std::errc::invalid_argument) {
    return not_valid(text, "number", what);
  }
  if (status == std::errc::result_out_of_range || number > max) return too_large(text, what, std::to_string(max));
  return number;
}

Result<int64_t> parse_signed(std::string_view text, std::string_view what) {
  int64_t number = 0;
  std::string_view digits = text;
  if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
  if (digits.empty() || (digits.size() < text.size() && digits.front() == '-')) return not_valid(text, "number", what);
  auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end != digits.data() + digits.size() || status == std::errc::invalid_argument) {
    return not_valid(text, "number", what);
  }
  if (status == std::errc::result_out_of_range) {
    return Error(Errc::invalid, "'" + printable(text) + "' for " + std::string(what) + " does not fit in 64 bits");
  }
  return number;
}

Result<uint64_t> parse_size(std::string_view text, std::string_view what) {
  std::string lower = to_lower(text);
  std::string_view rest = lower;
  auto number = take_decimal(rest);
  if (!number || number->whole.empty()) return not_valid(text, "size", what);
  if (rest.size() > 1 && rest.front() == ' ') rest.remove_prefix(1);
  auto unit = size_unit(rest);
  if (!unit) return not_valid(text, "size", what);
  auto size = scale(*number, *unit);
  if (!size) return too_large(text, what, "8 EiB");
  return *size;
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text, std::string_view what) {
  constexpr auto k_max = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  std::string_view rest = text;
  bool negative = !rest.empty() && rest.front() == '-';
  if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) rest.remove_prefix(1);
  if (rest == "0") return std::chrono::nanoseconds(0);
  if (rest.empty()) return not_valid(text, "duration", what);
  uint64_t sum = 0;
  while (!rest.empty()) {
    auto number = take_decimal(rest);
    size_t end = std::min(rest.find_first_of(".0123456789"), rest.size());
    auto unit = duration_unit(rest.substr(0, end));
    if (!number || !unit) return not_valid(text, "duration", what);
    rest.remove_prefix(end);
    auto part = scale(*number, *unit);
    if (!part || *part > k_max - sum) return too_large(text, what, "292 years");
    sum += *part;
  }
  auto nanoseconds = static_cast<int64_t>(sum);
  return std::chrono::nanoseconds(negative ? -nanoseconds : nanoseconds);
}

Result<bool> parse_bool(std::string_view text, std::string_view what) {
  for (std::string_view word : {"1", "t", "T", "true", "TRUE", "True", "yes"}) {
    if (text == word) return true;
  }
  for (std::string_view word : {"0", "f", "F", "false", "FALSE", "False", "no"}) {
    if (text == word) return false;
  }
  return not_valid(text, "boolean", what).with_hint("use true or false");
}

Result<uint32_t> parse_mode(std::string_view text, std::string_view what) {
  constexpr uint32_t k_all_bits = 07777;
  uint32_t mode = 0;
  auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (text.empty() || end != text.data() + text.size() || status != std::errc() || mode > k_all_bits) {
    return not_valid(text, "octal mode", what);
  }
  return mode;
}

}  // namespace ctr
