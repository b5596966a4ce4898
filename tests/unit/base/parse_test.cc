#include "base/parse.h"

#include <string>

#include "tests/catch.h"

using namespace std::chrono_literals;

namespace {

std::string size_of(std::string_view text) {
  auto size = ctr::parse_size(text, "--memory");
  return size ? std::to_string(*size) : "error: " + size.error().message();
}

}  // namespace

TEST_CASE("numbers must be the whole text") {
  CHECK(*ctr::parse_unsigned("0", "x") == 0);
  CHECK(*ctr::parse_unsigned("18446744073709551615", "x") == UINT64_MAX);
  for (const char* bad : {"", "12x", " 1", "1 ", "+1", "-1", "0x1", "1.0"}) {
    CAPTURE(bad);
    CHECK_FALSE(ctr::parse_unsigned(bad, "x"));
  }
  CHECK(ctr::parse_unsigned("12x", "--pids-limit").error().message() == "'12x' is not a valid number for --pids-limit");
  CHECK(ctr::parse_unsigned("70000", "the port", 65535).error().message() ==
        "'70000' for the port is larger than the limit of 65535");
  CHECK_FALSE(ctr::parse_unsigned("18446744073709551616", "x"));
}

TEST_CASE("signed numbers take one sign") {
  CHECK(*ctr::parse_signed("-9223372036854775808", "x") == INT64_MIN);
  CHECK(*ctr::parse_signed("+5", "x") == 5);
  for (const char* bad : {"", "-", "+", "+-5", "--5", "5-"}) {
    CAPTURE(bad);
    CHECK_FALSE(ctr::parse_signed(bad, "x"));
  }
  CHECK_FALSE(ctr::parse_signed("9223372036854775808", "x"));
}

TEST_CASE("sizes take docker's suffixes") {
  CHECK(size_of("512") == "512");
  CHECK(size_of("512b") == "512");
  CHECK(size_of("10kb") == "10240");
  CHECK(size_of("64m") == "67108864");
  CHECK(size_of("64M") == "67108864");
  CHECK(size_of("1g") == "1073741824");
  CHECK(size_of("1.5GiB") == "1610612736");
  CHECK(size_of("1 GB") == "1073741824");
  CHECK(size_of("2t") == "2199023255552");
  CHECK(size_of("1p") == "1125899906842624");
  CHECK(size_of("0.5k") == "512");
  CHECK(size_of("1.1g") == "1181116006");
}

TEST_CASE("sizes with anything else in them are refused") {
  for (const char* bad : {"", "m", ".5m", "1x", "1kk", "1kib2", "1bb", "-1", "1  g", "1 ", "0x10", "1e3", "1.2.3"}) {
    CAPTURE(bad);
    CHECK_FALSE(ctr::parse_size(bad, "--memory"));
  }
  CHECK(size_of("1x") == "error: '1x' is not a valid size for --memory");
  CHECK(size_of("9000p") == "error: '9000p' for --memory is larger than the limit of 8 EiB");
  CHECK(size_of("99999999999999999999") ==
        "error: '99999999999999999999' for --memory is larger than the limit of 8 EiB");
}

TEST_CASE("durations are Go's") {
  CHECK(*ctr::parse_duration("1h2m3.5s", "x") == 1h + 2min + 3500ms);
  CHECK(*ctr::parse_duration("300ms", "x") == 300ms);
  CHECK(*ctr::parse_duration("-1s", "x") == -1s);
  CHECK(*ctr::parse_duration("+1s", "x") == 1s);
  CHECK(*ctr::parse_duration("0", "x") == 0s);
  CHECK(*ctr::parse_duration("1.5h", "x") == 90min);
  CHECK(*ctr::parse_duration(".5s", "x") == 500ms);
  CHECK(*ctr::parse_duration("1.s", "x") == 1s);
  CHECK(*ctr::parse_duration("10\u00B5s", "x") == 10us);
  CHECK(*ctr::parse_duration("10\u03BCs", "x") == 10us);
  CHECK(*ctr::parse_duration("7ns", "x") == 7ns);
  for (const char* bad : {"", "1", "-", "s", ".s", "1d", "1s1", "1 s", "1h-2m", "5000000h", "3000000h3000000h"}) {
    CAPTURE(bad);
    CHECK_FALSE(ctr::parse_duration(bad, "x"));
  }
}

TEST_CASE("booleans are Go's and yes and no") {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True", "yes"}) CHECK(*ctr::parse_bool(yes, "x"));
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False", "no"}) CHECK_FALSE(*ctr::parse_bool(no, "x"));
  CHECK_FALSE(ctr::parse_bool("tRUE", "x"));
  CHECK_FALSE(ctr::parse_bool("", "x"));
}

TEST_CASE("modes are octal") {
  CHECK(*ctr::parse_mode("0755", "x") == 0755);
  CHECK(*ctr::parse_mode("7777", "x") == 07777);
  for (const char* bad : {"", "8", "10000", "-1", "0o7", "rwx"}) CHECK_FALSE(ctr::parse_mode(bad, "x"));
}
