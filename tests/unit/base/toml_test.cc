#include "base/toml.h"

#include "tests/catch.h"

using namespace ctr;

TEST_CASE("TOML becomes a value, and each key has its line") {
  const auto toml = parse_toml("a = 1\n[t]\nb = [\"x\", true]\n[[r]]\nc = \"y\"\n[[r]]\n\nc = 1.5\n", "f");
  REQUIRE(toml);
  CHECK(dump_json(toml->root) == R"({"a":1,"r":[{"c":"y"},{"c":1.5}],"t":{"b":["x",true]}})");
  CHECK(toml->lines.at("a") == 1);
  CHECK(toml->lines.at("t.b") == 3);
  CHECK(toml->lines.at("r[0].c") == 5);
  CHECK(toml->lines.at("r[1].c") == 8);
}

TEST_CASE("TOML with a mistake is refused with its place") {
  const auto toml = parse_toml("a = 1\nb = \n", "f");
  REQUIRE_FALSE(toml);
  CHECK(toml.error().message().starts_with("f:2:"));
  CHECK_FALSE(parse_toml("[.]", "f"));
}

TEST_CASE("TOML has letters outside of ASCII in texts and remarks only") {
  const auto toml = parse_toml("a = \"\u00e9\" # \u00e9\nb = \"\"\"x\\\n \u00e9\"\"\"\n", "f");
  REQUIRE(toml);
  CHECK(dump_json(toml->root) == "{\"a\":\"\u00e9\",\"b\":\"x\u00e9\"}");
  CHECK(parse_toml("\u00e9 = 1", "f").error().message().starts_with("f:1:"));
  CHECK(parse_toml("F\ufbff", "f").error().message().starts_with("f:1:"));
}

TEST_CASE("the path of a key is shown without indexes") {
  CHECK(without_indexes("registry[12].mirror[0].location") == "registry[].mirror[].location");
  CHECK(unknown_key("f", 3, "a.b") == "f:3: unknown key a.b");
}
