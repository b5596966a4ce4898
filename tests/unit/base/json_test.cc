#include "base/json.h"

#include <string>

#include "base/json_plain.h"
#include "tests/catch.h"

using ctr::dump_json;
using ctr::Json;
using ctr::JsonReader;
using ctr::parse_json;

namespace {

// The text after reading and printing, or the error.
std::string again(std::string_view text, ctr::JsonLimits limits = {}) {
  auto value = parse_json(text, "'f.json'", limits);
  return value ? dump_json(*value) : "error: " + value.error().message();
}

Json read(std::string_view text) { return parse_json(text, "test").value(); }

}  // namespace

TEST_CASE("values come out as they went in, members in their order") {
  for (const char* text : {"null", "true", "false", "0", "-1", "9223372036854775807", "18446744073709551615",
                           "-9223372036854775808", "\"\"", "[]", "{}", "[[],{},null]", R"({"b":1,"a":[true,"x"]})"}) {
    CHECK(again(text) == text);
  }
}

TEST_CASE("floating numbers print as Go prints them") {
  CHECK(again("[1.5,-0.25,1e3,1e20,1e21,1.5e-6,1e-7,123456789012345680000]") ==
        "[1.5,-0.25,1000,100000000000000000000,1e+21,0.0000015,1e-7,123456789012345680000]");
  CHECK(again("[0.1,100.25,-1.25e-9,5e-324,1.7976931348623157e308,-0.0]") ==
        "[0.1,100.25,-1.25e-9,5e-324,1.7976931348623157e+308,-0]");
}

TEST_CASE("strings are escaped as Go escapes them") {
  CHECK(dump_json(Json("\"\\/\b\f\n\r\t\x01\x7f")) == R"("\"\\/\b\f\n\r\t\u0001)"
                                                      "\x7f\"");
  CHECK(dump_json(Json("\u2028\u2029 \u00e9")) == "\"\\u2028\\u2029 \u00e9\"");
  CHECK(dump_json(Json("a\xFF\xC3z")) == R"("a\ufffd\ufffdz")");
  CHECK(dump_json(Json("<a&b>")) == R"("<a&b>")");
  CHECK(dump_json(Json("<a&b>"), {.escape_html = true}) == R"("\u003ca\u0026b\u003e")");
}

TEST_CASE("indented text looks like Go's MarshalIndent") {
  Json value = read(R"({"a":1,"b":[],"c":{},"d":[1,{"e":"f"}]})");
  CHECK(dump_json(value, {.indent = 2}) ==
        "{\n  \"a\": 1,\n  \"b\": [],\n  \"c\": {},\n  \"d\": [\n    1,\n    {\n      \"e\": \"f\"\n    }\n  ]\n}");
}

TEST_CASE("what is no JSON is refused with its place") {
  CHECK(again("{\"a\":1,\n  x}") == "error: 'f.json' is not JSON at line 2, column 3");
  for (const char* bad : {"", " ", "[1,2", "[1,]", "{\"a\"}", "{\"a\":1,}", "nul", "01", "1.", "'a'", "[1] 2", "\"\n\"",
                          "\"\\x\"", "\"\xFF\"", "\"\\ud800\"", "1e999", "NaN", "// c\n1", "[1]]"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_json(bad, "x"));
  }
}

TEST_CASE("a member given twice is refused") {
  CHECK(again("{\"a\":1,\"b\":{\"c\":1},\n\"a\":2}") ==
        "error: 'f.json' has the member 'a' twice in the object that ends at line 2, column 6");
  CHECK(again(R"({"a":{"x":1},"b":{"x":1}})") == R"({"a":{"x":1},"b":{"x":1}})");
}

TEST_CASE("depth, size and number of values are bounded") {
  CHECK(again("[[[1]]]", {.depth = 3}) == "[[[1]]]");
  CHECK(again("[[[[1]]]]", {.depth = 3}) == "error: 'f.json' is nested deeper than 3 levels at line 1, column 4");
  CHECK(again("[1,2,3]", {.size_bytes = 6}) == "error: 'f.json' has 7 bytes, more than the limit of 6");
  CHECK(again("[1,2,3]", {.values = 3}) == "error: 'f.json' has more than 3 values at line 1, column 7");
  CHECK_FALSE(parse_json(std::string(1'000'000, '['), "x"));
}

TEST_CASE("equal numbers are equal whatever they were made from") {
  CHECK(Json(uint64_t{5}) == Json(5));
  CHECK(Json(uint64_t{5}) == read("5"));
  CHECK(Json(UINT64_MAX).as_int() == INT64_MAX);
  CHECK(Json(-1).as_uint() == 0);
  CHECK(Json(2).as_double() == 2.0);
}

TEST_CASE("values are built by set and push") {
  Json value;
  value.set("a", 1).set("b", Json::strings({"x", "y"})).set("a", nullptr);
  value.set("m", Json::string_map({{"k", "v"}}));
  Json list;
  list.push(true).push(2.5);
  value.set("l", list);
  CHECK(dump_json(value) == R"({"a":null,"b":["x","y"],"m":{"k":"v"},"l":[true,2.5]})");
  CHECK(value.find("b") != nullptr);
  CHECK(value.find("z") == nullptr);
  CHECK(list.find("a") == nullptr);
}

TEST_CASE("fields are read by name and type") {
  Json value = read(R"({"s":"t","i":-3,"u":7,"b":true,"n":null,"l":["x"],"m":{"k":"v"},"o":{"p":[{"q":1}]}})");
  JsonReader reader(value, "config.json");
  CHECK(*reader.get_string("s") == "t");
  CHECK(*reader.get_int("i") == -3);
  CHECK(*reader.get_uint("u") == 7);
  CHECK(*reader.get_bool("b"));
  CHECK(*reader.string_or("n", "fallback") == "fallback");
  CHECK(*reader.uint_or("none", 9) == 9);
  CHECK_FALSE(reader.has("n"));
  CHECK(*reader.strings("l") == std::vector<std::string>{"x"});
  CHECK(reader.strings("none")->empty());
  CHECK(reader.string_map("m")->at("k") == "v");
  auto inner = (*reader.find_object("o"))->elements("p").value();
  REQUIRE(inner.size() == 1);
  CHECK(*inner[0].get_int("q") == 1);
}

TEST_CASE("a wrong field is named by its whole path") {
  Json value = read(R"({"process":{"args":[1],"cwd":2,"env":{"a":1},"n":-1,"big":18446744073709551615,"f":1.0}})");
  JsonReader root(value, "config.json");
  JsonReader process = (*root.find_object("process")).value();
  CHECK(process.strings("args").error().message() == "config.json: process.args[0] is not a string");
  CHECK(process.get_string("cwd").error().message() == "config.json: process.cwd is not a string");
  CHECK(process.get_string("none").error().message() == "config.json: process.none is missing");
  CHECK(process.string_map("env").error().message() == "config.json: process.env.a is not a string");
  CHECK(process.get_uint("n").error().message() == "config.json: process.n is not an integer of 0 or more");
  CHECK(process.get_int("big").error().message() == "config.json: process.big is not an integer");
  CHECK(process.get_int("f").error().message() == "config.json: process.f is not an integer");
  CHECK(root.elements("process").error().message() == "config.json: process is not an array");
  CHECK(root.get_string("root").error().message() == "config.json: root is missing");
  Json list = Json::array();
  CHECK(JsonReader(list, "config.json").find_string("a").error().message() == "config.json is not an object");
}

TEST_CASE("JSON with a NUL byte behind the value is refused") {
  auto value = parse_json(std::string_view("{}\0garbage", 10), "record");
  REQUIRE_FALSE(value);
  CHECK(value.error().text().find("NUL") != std::string::npos);
}

TEST_CASE("the quick reader reads what programs write as the strict parser does") {
  for (const char* text : {"null", "true", " false ", "0", "-7", "123456789012345678", "\"a b\"", "[]", "{}",
                           "[ 1 , [2,{}] ]", "{\"a\":{\"b\":[null,\"x\",-1]},\"c\":true}\n"}) {
    CAPTURE(text);
    const auto plain = ctr::read_plain_json(text, {});
    REQUIRE(plain);
    CHECK(*plain == ctr::parse_json(text, "x").value());
  }
}

TEST_CASE("the quick reader leaves what it does not know to the strict parser") {
  for (const char* text :
       {"", "1.5", "1e3", "-0", "-", "01", "1234567890123456789", "\"\\n\"", "\"\xc3\xa9\"", "{\"a\":1,\"a\":2}",
        "[1,]", "[1 2]", "{\"a\" 1}", "tru", "[1]]", "nulll", "\"\x7f\"", "{a:1}"}) {
    CAPTURE(text);
    CHECK_FALSE(ctr::read_plain_json(text, {}));
  }
  CHECK_FALSE(ctr::read_plain_json("[[[1]]]", {.depth = 2}));
  CHECK_FALSE(ctr::read_plain_json("[1,1,1]", {.values = 3}));
  CHECK_FALSE(ctr::read_plain_json("[1]", {.size_bytes = 2}));
  CHECK_FALSE(ctr::read_plain_json(std::string("[1]\0", 4), {}));
}

TEST_CASE("of a document only the wanted members are read") {
  constexpr std::string_view k_wanted[] = {"id", "spec.labels", "spec.rm"};
  const std::string_view text =
      R"({"id":"x","env":["a\"]}{","\u00e9"],"n":1.5,"spec":{"user":"\\","labels":{"a":"b"},"rm":true},"z":{"y":[{}]}})";
  const auto plain = ctr::read_plain_json(text, {}, k_wanted);
  REQUIRE(plain);
  CHECK(dump_json(*plain) == R"({"id":"x","spec":{"labels":{"a":"b"},"rm":true}})");
  // Where a wanted member is not plain, everything is read.
  const auto whole = ctr::parse_own_json_members(R"({"id":"\n","other":1})", "x", k_wanted);
  REQUIRE(whole);
  CHECK(whole->find("other") != nullptr);
  CHECK(whole->find("id")->as_string() == "\n");
  CHECK_FALSE(ctr::parse_own_json_members(R"({"id":"x","other":[1)", "x", k_wanted));
  CHECK_FALSE(ctr::parse_own_json_members(R"({"id":"x","id":"y"})", "x", k_wanted));
}
