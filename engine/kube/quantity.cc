#include "engine/kube/quantity.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/text.h"

namespace ctr::engine::kube {

namespace {

constexpr std::array<std::pair<std::string_view, double>, 15> k_suffixes = {{
    {"", 1},
    {"n", 1e-9},
    {"u", 1e-6},
    {"m", 1e-3},
    {"k", 1e3},
    {"M", 1e6},
    {"G", 1e9},
    {"T", 1e12},
    {"P", 1e15},
    {"Ki", 0x1p10},
    {"Mi", 0x1p20},
    {"Gi", 0x1p30},
    {"Ti", 0x1p40},
    {"Pi", 0x1p50},
    {"Ei", 0x1p60},
}};

Error not_an_amount(std::string_view text) {
  return Error(Errc::invalid, fmt::format("'{}' is not an amount, such as 250m, 2 or 64Mi", printable(text)));
}

Result<double> parse(std::string_view text) {
  double number = 0;
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || digits.empty() || digits[0] == '-' || !std::isfinite(number)) return not_an_amount(text);
  const std::string_view suffix(end, static_cast<size_t>(digits.data() + digits.size() - end));
  for (const auto& [name, factor] : k_suffixes) {
    if (suffix == name) return number * factor;
  }
  if (suffix == "E") return number * 1e18;
  return not_an_amount(text);
}

Result<int64_t> whole(std::string_view text, double value) {
  // What is no binary fraction is off by less than this.
  const double rounded = std::ceil(value - 1e-6);
  if (rounded > 9.2e18) return not_an_amount(text);
  return static_cast<int64_t>(rounded);
}

}  // namespace

Result<int64_t> parse_quantity_milli(std::string_view text) { return whole(text, TRY(parse(text)) * 1000); }

Result<int64_t> parse_quantity(std::string_view text) { return whole(text, TRY(parse(text))); }

}  // namespace ctr::engine::kube
