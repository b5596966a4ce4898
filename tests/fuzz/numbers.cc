// Numbers, sizes, durations and times: what is accepted stays within its range and prints as it was read.
#include "base/parse.h"
#include "base/text.h"
#include "base/time.h"
#include "tests/fuzz/fuzz.h"

namespace {

void fuzz_numbers(std::string_view text) {
  if (auto number = ctr::parse_unsigned(text, "x", 1000)) CTR_ASSERT(*number <= 1000);
  if (auto number = ctr::parse_signed(text, "x"))
    CTR_ASSERT(*ctr::parse_signed(std::to_string(*number), "x") == *number);
  if (auto size = ctr::parse_size(text, "x")) {
    CTR_ASSERT(*size <= INT64_MAX);
    CTR_ASSERT(!ctr::human_size(*size).empty());
  }
  if (auto mode = ctr::parse_mode(text, "x")) CTR_ASSERT(*mode <= 07777);
  ctr::parse_bool(text, "x").ignore("any answer is fine");
  if (auto duration = ctr::parse_duration(text, "x")) CTR_ASSERT(!ctr::human_duration(*duration).empty());
}

void fuzz_times(std::string_view text) {
  if (auto time = ctr::parse_rfc3339(text, "x")) {
    CTR_ASSERT(*ctr::parse_rfc3339(ctr::format_rfc3339(*time), "x") == *time);
    CTR_ASSERT(*ctr::parse_rfc3339(ctr::format_rfc3339_nano(*time), "x") == *time);
  }
  constexpr int64_t k_reference = 1'795'449'737;
  if (auto time = ctr::parse_time_or_ago(text, ctr::from_unix_seconds(k_reference), "x")) {
    CTR_ASSERT(!ctr::format_go_time(*time).empty());
    CTR_ASSERT(!ctr::human_duration(ctr::elapsed(*time, ctr::from_unix_seconds(k_reference))).empty());
  }
}

}  // namespace

void fuzz(std::string_view text) {
  fuzz_numbers(text);
  fuzz_times(text);
}
