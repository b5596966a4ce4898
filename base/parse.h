// Strict parsers of numbers, sizes and durations: the whole text must match, arithmetic is checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace ctr {

// Errors name `what`: "'12x' is not a valid number for --memory".
Result<uint64_t> parse_unsigned(std::string_view text, std::string_view what, uint64_t max = UINT64_MAX);
// One leading + or - is taken.
Result<int64_t> parse_signed(std::string_view text, std::string_view what);
// "64m", "1g", "512", "10kb", "1.5GiB": b k m g t p with optional "b"/"ib", binary multiples (docker/go-units
// RAMInBytes).
Result<uint64_t> parse_size(std::string_view text, std::string_view what);
// Go's time.ParseDuration: "1h2m3.5s", "300ms", "-1s"; a bare "0" is zero.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text, std::string_view what);
// true/false/1/0/t/f/yes/no as strconv.ParseBool plus yes/no.
Result<bool> parse_bool(std::string_view text, std::string_view what);
// Octal mode bits up to 07777.
Result<uint32_t> parse_mode(std::string_view text, std::string_view what);

}  // namespace ctr
