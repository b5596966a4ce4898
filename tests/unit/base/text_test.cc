#include "base/text.h"

#include <string>
#include <vector>

#include "tests/catch.h"

using namespace std::string_literals;
using Words = std::vector<std::string>;

TEST_CASE("bytes print as lower-case hex") {
  CHECK(ctr::to_hex("\x00\xff\x1a"s) == "00ff1a");
  CHECK(ctr::is_lower_hex("09af"));
  CHECK_FALSE(ctr::is_lower_hex("AF"));
  CHECK_FALSE(ctr::is_lower_hex(""));
}

TEST_CASE("a text splits at every separator and joins again") {
  CHECK(ctr::split("a,,b,", ',') == Words{"a", "", "b", ""});
  CHECK(ctr::split("", ',') == Words{""});
  CHECK(ctr::join({"a", "", "b"}, ", ") == "a, , b");
  CHECK(ctr::join({}, ",").empty());
  CHECK(ctr::split_once("k=v=w", '=') == std::pair("k"s, "v=w"s));
  CHECK_FALSE(ctr::split_once("k", '='));
}

TEST_CASE("white space goes from both ends only") {
  CHECK(ctr::trim(" \t\r\n a b \v\f") == "a b");
  CHECK(ctr::trim("  ").empty());
}

TEST_CASE("case changes ASCII letters alone") {
  CHECK(ctr::to_lower("AbZ\xC3\x84") == "abz\xC3\x84");
  CHECK(ctr::to_upper("abz{") == "ABZ{");
}

TEST_CASE("only valid UTF-8 is a character") {
  CHECK(ctr::first_character("a").code == U'a');
  CHECK(ctr::first_character("\xC3\xA9").code == 0xE9);
  CHECK(ctr::first_character("\xF0\x9F\x90\xB3").code == 0x1F433);
  for (const char* bad : {"\x80", "\xC0\x80", "\xC3", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE0\x80\x80", "\xFF"}) {
    CAPTURE(ctr::to_hex(bad));
    CHECK_FALSE(ctr::first_character(bad).valid);
    CHECK(ctr::first_character(bad).size_bytes == 1);
  }
}

TEST_CASE("untrusted text cannot move the cursor, colour or reorder a line") {
  CHECK(ctr::printable("h\xC3\xA4 \xF0\x9F\x90\xB3") == "h\xC3\xA4 \xF0\x9F\x90\xB3");
  CHECK(ctr::printable("\x1b[31m\n\x7f") == "\\x1b[31m\\x0a\\x7f");
  CHECK(ctr::printable("\xE2\x80\xAE"
                       "gpj") == "\\xe2\\x80\\xaegpj");
  CHECK(ctr::printable("\xC2\x9B") == "\\xc2\\x9b");
  CHECK(ctr::printable("\xFFz") == "\\xffz");
}

TEST_CASE("printable text is cut between characters") {
  CHECK(ctr::printable("abcdef", 6) == "abcdef");
  CHECK(ctr::printable("abcdef", 3) == "abc...");
  CHECK(ctr::printable("ab\xC3\xA4", 3) == "ab...");
  CHECK(ctr::printable("\n\n", 7) == "\\x0a...");
}

TEST_CASE("an ellipsis counts characters") {
  CHECK(ctr::ellipsis("abc", 3) == "abc");
  CHECK(ctr::ellipsis("abcd", 3) == "abc...");
  CHECK(ctr::ellipsis("\xC3\xA4\xC3\xA4\xC3\xA4", 2) == "\xC3\xA4\xC3\xA4...");
}

TEST_CASE("sizes print in decimal units") {
  CHECK(ctr::human_size(0) == "0B");
  CHECK(ctr::human_size(999) == "999B");
  CHECK(ctr::human_size(1000) == "1kB");
  CHECK(ctr::human_size(1024) == "1.024kB");
  CHECK(ctr::human_size(2131234) == "2.131MB");
  CHECK(ctr::human_size(2131234, " ", 3) == "2.13 MB");
  CHECK(ctr::human_size(77'800'000, " ", 3) == "77.8 MB");
  CHECK(ctr::human_size(uint64_t{1} << 40) == "1.1TB");
  CHECK(ctr::human_size(UINT64_MAX) == "18.45EB");
}

TEST_CASE("wildcards match the whole text") {
  CHECK(ctr::wildcard_match("a*c", "abbc"));
  CHECK(ctr::wildcard_match("*", ""));
  CHECK(ctr::wildcard_match("a?c",
                            "a\xC3\xA4"
                            "c"));
  CHECK(ctr::wildcard_match("*a*b*", "xxaxxbxx"));
  CHECK_FALSE(ctr::wildcard_match("a*c", "abcd"));
  CHECK_FALSE(ctr::wildcard_match("a?c", "ac"));
  CHECK_FALSE(ctr::wildcard_match("", "a"));
}

TEST_CASE("a hostile wildcard does not take exponential time") {
  CHECK_FALSE(ctr::wildcard_match("*a*a*a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
}
