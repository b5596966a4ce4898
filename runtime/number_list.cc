#include "runtime/number_list.h"

#include <cstdint>
#include <cstring>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::runtime {
namespace {

struct Range {
  unsigned first = 0;
  unsigned last = 0;
};

std::optional<Range> parse_range(std::string_view text, unsigned highest) {
  const size_t dash = text.find('-');
  const auto first = parse_unsigned(text.substr(0, dash), "number", highest);
  if (!first) return std::nullopt;
  if (dash == std::string_view::npos) {
    return Range{.first = static_cast<unsigned>(*first), .last = static_cast<unsigned>(*first)};
  }
  const auto last = parse_unsigned(text.substr(dash + 1), "number", highest);
  if (!last || *last < *first) return std::nullopt;
  return Range{.first = static_cast<unsigned>(*first), .last = static_cast<unsigned>(*last)};
}

void set_bit(std::string* mask, unsigned number) {
  const size_t word = number / 64;
  if (mask->size() <= word * sizeof(uint64_t)) mask->resize((word + 1) * sizeof(uint64_t), '\0');
  uint64_t bits = 0;
  std::memcpy(&bits, mask->data() + word * sizeof bits, sizeof bits);
  bits |= uint64_t{1} << number % 64;
  std::memcpy(mask->data() + word * sizeof bits, &bits, sizeof bits);
}

}  // namespace

std::optional<std::string> parse_number_list(std::string_view text, unsigned highest) {
  std::string mask;
  if (trim(text).empty()) return mask;
  for (const std::string& part : split(text, ',')) {
    const auto range = parse_range(trim(part), highest);
    if (!range) return std::nullopt;
    for (unsigned number = range->first; number <= range->last; ++number) set_bit(&mask, number);
  }
  return mask;
}

}  // namespace ctr::runtime
