// Points in time as UTC RFC 3339 with nanoseconds, and as people read them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr {

using TimePoint = std::chrono::sys_time<std::chrono::nanoseconds>;

TimePoint now();
// "2026-11-23T16:02:24.663786201Z"; always nine digits (k8s-file log lines, records).
std::string format_rfc3339_nano(TimePoint time);
// As Go prints time.RFC3339Nano: trailing zeros of the fraction dropped.
std::string format_rfc3339(TimePoint time);
// Any offset, optional fraction. Errors: invalid.
Result<TimePoint> parse_rfc3339(std::string_view text, std::string_view what);
// What --since/--until take: RFC 3339 (also without zone or with date only: local time is UTC here), unix seconds with
// fraction, or a Go duration that is subtracted from `reference`.
Result<TimePoint> parse_time_or_ago(std::string_view text, TimePoint reference, std::string_view what);
// docker units.HumanDuration: "Less than a second", "About a minute", "2 hours", "3 weeks".
std::string human_duration(std::chrono::nanoseconds duration);
// "2026-11-23 16:02:17.284 +0000 UTC" as Go's time.String() prints it.
std::string format_go_time(TimePoint time);
int64_t to_unix_seconds(TimePoint time);
TimePoint from_unix_seconds(int64_t seconds);

}  // namespace ctr
