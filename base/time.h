// Points in time as UTC RFC 3339 with nanoseconds, and as people read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr {

// Years 1678 to 2261; anything else in a text is refused.
using TimePoint = std::chrono::sys_time<std::chrono::nanoseconds>;

// Go's zero time, "0001-01-01T00:00:00Z", which images and records use for "never". It reads and prints as that text.
inline constexpr TimePoint k_zero_time = TimePoint::min();

// The real-time clock.
TimePoint now();
// `to` minus `from`, held within what a duration can say (292 years), as Go's Time.Sub.
std::chrono::nanoseconds elapsed(TimePoint from, TimePoint to);
// "2026-11-23T16:02:24.663786201Z"; always nine digits (k8s-file log lines, records).
std::string format_rfc3339_nano(TimePoint time);
// As Go prints time.RFC3339Nano: trailing zeros of the fraction dropped.
std::string format_rfc3339(TimePoint time);
// Any offset, optional fraction (digits past the ninth are dropped). Errors: invalid.
Result<TimePoint> parse_rfc3339(std::string_view text, std::string_view what);
// What --since/--until take: RFC 3339 (also without zone or with date only: local time is UTC here), unix seconds with
// fraction, or a Go duration that is subtracted from `reference`. Errors: invalid.
// Source: docker's GetTimestamp.
Result<TimePoint> parse_time_or_ago(std::string_view text, TimePoint reference, std::string_view what);
// docker units.HumanDuration: "Less than a second", "About a minute", "2 hours", "3 weeks". Negative reads as no time
// at all.
std::string human_duration(std::chrono::nanoseconds duration);
// "2026-11-23 16:02:17.284 +0000 UTC" as Go's time.String() prints it.
std::string format_go_time(TimePoint time);
// Seconds since 1970, rounded down, and back; what is outside the range of TimePoint comes out as its end.
int64_t to_unix_seconds(TimePoint time);
TimePoint from_unix_seconds(int64_t seconds);

}  // namespace ctr
