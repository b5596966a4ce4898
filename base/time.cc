#include "base/time.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <limits>
#include <optional>

#include "base/parse.h"
#include "base/text.h"

namespace ctr {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::string_view k_zero_text = "0001-01-01T00:00:00Z";

// Whole seconds and what is left, which is never negative. In plain integers, since the first and the last second of
// TimePoint do not convert back to nanoseconds.
struct SplitTime {
  seconds whole;
  int64_t nanoseconds;
};
SplitTime split_time(TimePoint time) {
  constexpr int64_t k_second = 1'000'000'000;
  int64_t count = time.time_since_epoch().count();
  int64_t rest = ((count % k_second) + k_second) % k_second;
  return {.whole = floor<seconds>(time.time_since_epoch()), .nanoseconds = rest};
}

// "2026-11-23", a separator, and "16:02:17".
std::string format_seconds(TimePoint time, char separator) {
  std::chrono::sys_seconds whole(split_time(time).whole);
  auto day = floor<days>(whole);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss clock(whole - day);
  std::array<char, 64> text{};
  int length = std::snprintf(text.data(), text.size(), "%04d-%02u-%02u%c%02d:%02d:%02d", static_cast<int>(date.year()),
                             static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), separator,
                             static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                             static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<size_t>(length)};
}

// ".284000000"
std::string format_fraction(TimePoint time) {
  std::array<char, 32> text{};
  int length = std::snprintf(text.data(), text.size(), ".%09d", static_cast<int>(split_time(time).nanoseconds));
  return {text.data(), static_cast<size_t>(length)};
}

// The fraction without trailing zeros, empty when it is zero.
std::string format_short_fraction(TimePoint time) {
  std::string fraction = format_fraction(time);
  size_t last = fraction.find_last_not_of('0');
  fraction.resize(last == 0 ? 0 : last + 1);
  return fraction;
}

// Reads a text from left to right; every step says whether it matched.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool take(char expected) {
    if (rest_.empty() || rest_.front() != expected) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Exactly `width` digits whose value is at least `low` and at most `high`.
  bool take_number(size_t width, int low, int high, int& number) {
    if (rest_.size() < width) return false;
    number = 0;
    for (char c : rest_.substr(0, width)) {
      if (c < '0' || c > '9') return false;
      number = number * 10 + (c - '0');
    }
    rest_.remove_prefix(width);
    return number >= low && number <= high;
  }
  // One or more digits behind a point, as nanoseconds.
  bool take_fraction(nanoseconds& fraction) {
    int64_t value = 0;
    size_t count = 0;
    for (; count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9'; ++count) {
      if (count < 9) value = value * 10 + (rest_[count] - '0');
    }
    for (size_t digits = count; digits < 9; ++digits) value *= 10;
    rest_.remove_prefix(count);
    fraction = nanoseconds(value);
    return count > 0;
  }

 private:
  std::string_view rest_;
};

bool take_date(Scanner& scanner, std::chrono::sys_days& day) {
  int year = 0;
  int month = 0;
  int day_of_month = 0;
  // One year less than nanoseconds in 64 bits can hold, so that no offset or fraction leaves the range.
  if (!scanner.take_number(4, 1678, 2261, year) || !scanner.take('-') || !scanner.take_number(2, 1, 12, month) ||
      !scanner.take('-') || !scanner.take_number(2, 1, 31, day_of_month)) {
    return false;
  }
  std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day_of_month))};
  if (!date.ok()) return false;
  day = date;
  return true;
}

enum class SecondsField { required, optional };

bool take_clock(Scanner& scanner, SecondsField field, nanoseconds& since_midnight) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  nanoseconds fraction{0};
  if (!scanner.take_number(2, 0, 23, hour) || !scanner.take(':') || !scanner.take_number(2, 0, 59, minute))
    return false;
  if (scanner.take(':')) {
    if (!scanner.take_number(2, 0, 59, second)) return false;
    if (scanner.take('.') && !scanner.take_fraction(fraction)) return false;
  } else if (field == SecondsField::required) {
    return false;
  }
  since_midnight = hours(hour) + minutes(minute) + seconds(second) + fraction;
  return true;
}

bool take_zone(Scanner& scanner, nanoseconds& offset) {
  offset = nanoseconds(0);
  if (scanner.take('Z') || scanner.take('z')) return true;
  bool west = scanner.take('-');
  if (!west && !scanner.take('+')) return false;
  int hour = 0;
  int minute = 0;
  if (!scanner.take_number(2, 0, 23, hour) || !scanner.take(':') || !scanner.take_number(2, 0, 59, minute))
    return false;
  offset = hours(hour) + minutes(minute);
  if (west) offset = -offset;
  return true;
}

Error not_a_time(std::string_view text, std::string_view what) {
  return Error(Errc::invalid, "'" + printable(text) + "' is not a valid time for " + std::string(what));
}

// A date, or a date and a clock, with or without a zone.
std::optional<TimePoint> parse_loose_date(std::string_view text) {
  Scanner scanner(text);
  std::chrono::sys_days day;
  nanoseconds clock{0};
  nanoseconds offset{0};
  if (!take_date(scanner, day)) return std::nullopt;
  if (scanner.take('T') && !take_clock(scanner, SecondsField::optional, clock)) return std::nullopt;
  if (!scanner.at_end() && !take_zone(scanner, offset)) return std::nullopt;
  if (!scanner.at_end()) return std::nullopt;
  return TimePoint(day) + clock - offset;
}

// "1795449737" or "1795449737.284".
std::optional<TimePoint> parse_unix(std::string_view text) {
  constexpr int64_t k_max_seconds = std::numeric_limits<int64_t>::max() / 1'000'000'000 - 1;
  size_t point = text.find('.');
  auto whole = parse_unsigned(text.substr(0, point), "", static_cast<uint64_t>(k_max_seconds));
  nanoseconds fraction{0};
  if (!whole) return std::nullopt;
  if (point != std::string_view::npos) {
    Scanner scanner(text.substr(point + 1));
    if (!scanner.take_fraction(fraction) || !scanner.at_end()) return std::nullopt;
  }
  return TimePoint(seconds(static_cast<int64_t>(*whole))) + fraction;
}

std::string count_of(int64_t count, const char* unit) { return std::to_string(count) + " " + unit; }

}  // namespace

TimePoint now() {
  // The system call in place of the C library's function: that reads two pages of the kernel's which a short command
  // has not touched yet, and a page fault takes longer than the call.
  timespec time{};
  ::syscall(SYS_clock_gettime, CLOCK_REALTIME, &time);
  return TimePoint(std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec));
}

nanoseconds elapsed(TimePoint from, TimePoint to) {
  int64_t difference = 0;
  if (__builtin_sub_overflow(to.time_since_epoch().count(), from.time_since_epoch().count(), &difference)) {
    return to > from ? nanoseconds::max() : nanoseconds::min();
  }
  return nanoseconds(difference);
}

std::string format_rfc3339_nano(TimePoint time) {
  if (time == k_zero_time) return "0001-01-01T00:00:00.000000000Z";
  return format_seconds(time, 'T') + format_fraction(time) + "Z";
}

std::string format_rfc3339(TimePoint time) {
  if (time == k_zero_time) return std::string(k_zero_text);
  return format_seconds(time, 'T') + format_short_fraction(time) + "Z";
}

Result<TimePoint> parse_rfc3339(std::string_view text, std::string_view what) {
  if (text == k_zero_text || text == "0001-01-01T00:00:00.000000000Z") return k_zero_time;
  Scanner scanner(text);
  std::chrono::sys_days day;
  nanoseconds clock{0};
  nanoseconds offset{0};
  if (!take_date(scanner, day) || !(scanner.take('T') || scanner.take('t')) ||
      !take_clock(scanner, SecondsField::required, clock) || !take_zone(scanner, offset) || !scanner.at_end()) {
    return not_a_time(text, what);
  }
  return TimePoint(day) + clock - offset;
}

Result<TimePoint> parse_time_or_ago(std::string_view text, TimePoint reference, std::string_view what) {
  // "0" is a duration too; as a time it means the epoch.
  if (text != "0") {
    if (auto ago = parse_duration(text, what)) {
      int64_t time = 0;
      if (__builtin_sub_overflow(reference.time_since_epoch().count(), ago->count(), &time))
        return not_a_time(text, what);
      return TimePoint(nanoseconds(time));
    }
  }
  if (text == k_zero_text) return k_zero_time;
  if (auto date = parse_loose_date(text)) return *date;
  if (auto time = parse_unix(text)) return *time;
  return not_a_time(text, what).with_hint("use a duration like 10m, a time like 2026-11-23T16:02:17Z, or unix seconds");
}

std::string human_duration(nanoseconds duration) {
  int64_t whole_seconds = duration.count() / 1'000'000'000;
  if (whole_seconds < 1) return "Less than a second";
  if (whole_seconds == 1) return "1 second";
  if (whole_seconds < 60) return count_of(whole_seconds, "seconds");
  int64_t whole_minutes = whole_seconds / 60;
  if (whole_minutes == 1) return "About a minute";
  if (whole_minutes < 60) return count_of(whole_minutes, "minutes");
  constexpr int64_t k_day = 24;
  constexpr int64_t k_week = 7 * k_day;
  constexpr int64_t k_month = 30 * k_day;
  constexpr int64_t k_year = 365 * k_day;
  int64_t rounded_hours = (whole_minutes + 30) / 60;
  if (rounded_hours == 1) return "About an hour";
  if (rounded_hours < 2 * k_day) return count_of(rounded_hours, "hours");
  if (rounded_hours < 2 * k_week) return count_of(rounded_hours / k_day, "days");
  if (rounded_hours < 2 * k_month) return count_of(rounded_hours / k_week, "weeks");
  if (rounded_hours < 2 * k_year) return count_of(rounded_hours / k_month, "months");
  return count_of(whole_minutes / 60 / k_year, "years");
}

std::string format_go_time(TimePoint time) {
  if (time == k_zero_time) return "0001-01-01 00:00:00 +0000 UTC";
  return format_seconds(time, ' ') + format_short_fraction(time) + " +0000 UTC";
}

int64_t to_unix_seconds(TimePoint time) {
  // The zero time of Go counts from the year 1.
  if (time == k_zero_time) return -62'135'596'800;
  return split_time(time).whole.count();
}

TimePoint from_unix_seconds(int64_t count) {
  constexpr int64_t k_limit = std::numeric_limits<int64_t>::max() / 1'000'000'000;
  if (count <= -k_limit) return k_zero_time;
  return TimePoint(seconds(count < k_limit ? count : k_limit));
}

}  // namespace ctr
