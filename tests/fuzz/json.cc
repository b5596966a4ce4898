// JSON: what is read prints as a text that reads and prints the same, whatever the style.
#include "base/json.h"

#include "base/channel.h"
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

}  // namespace

void fuzz(std::string_view text) {
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
