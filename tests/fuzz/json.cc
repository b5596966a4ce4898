// JSON: what is read prints as a text that reads and prints the same, whatever the style; the quick reader takes
// nothing that the strict one refuses or reads otherwise.
#include "base/json.h"

#include "base/channel.h"
#include "base/json_plain.h"
#include "tests/fuzz/fuzz.h"

namespace {

void check_again(const ctr::Json& value, ctr::JsonStyle style) {
  // Escapes and indentation may make the text longer than what was read.
  ctr::JsonLimits wide{.size_bytes = size_t{64} << 20, .depth = 64, .values = size_t{1} << 20};
  auto again = ctr::parse_json(ctr::dump_json(value, style), "again", wide);
  CTR_ASSERT(again);
  // Compared as text: 1e3 is read as a double and prints as an integer.
  CTR_ASSERT(ctr::dump_json(*again) == ctr::dump_json(value));
}

void check_quick_reader(std::string_view text) {
  if (const auto plain = ctr::read_plain_json(text, {})) {
    const auto strict = ctr::parse_json(text, "input");
    CTR_ASSERT(strict && *strict == *plain);
  }
  // Skipping never leaves the text, and what is read is what the whole has there.
  constexpr std::string_view k_wanted[] = {"a", "b.c", "layers"};
  const auto part = ctr::read_plain_json(text, {}, k_wanted);
  const auto whole = ctr::parse_json(text, "input");
  if (!part || !whole) return;
  for (const auto& [key, value] : part->as_object()) {
    if (key != "b") CTR_ASSERT(whole->find(key) != nullptr && *whole->find(key) == value);
  }
}

}  // namespace

void fuzz(std::string_view text) {
  check_quick_reader(text);
  auto value = ctr::parse_json(text, "input");
  if (!value) {
    CTR_ASSERT(value.error().code() == ctr::Errc::invalid);
    return;
  }
  check_again(*value, {});
  check_again(*value, {.indent = 2, .escape_html = true});
  auto error = ctr::error_from_json(*value);
  CTR_ASSERT(ctr::error_from_json(ctr::to_json(error)) == error);
}
