#include "base/yaml.h"

#include <fmt/format.h>

#include "tests/catch.h"

using namespace ctr;

namespace {

std::string json_of(std::string_view text) {
  const auto documents = parse_yaml(text, "f");
  if (!documents) return documents.error().message();
  std::string out;
  for (const auto& document : *documents) out += dump_json(yaml_to_json(document)) + "\n";
  return out;
}

}  // namespace

TEST_CASE("YAML scalars are what the parser of Kubernetes makes of them") {
  CHECK(json_of("[yes, No, on, OFF, y, true, False]") == "[true,false,true,false,true,true,false]\n");
  CHECK(json_of("[1, -2, +3, 010, 0x1F, 0b11, 0o17, 1_000]") == "[1,-2,3,8,31,3,15,1000]\n");
  CHECK(json_of("[1.5, .5, 1e3, -2.]") == "[1.5,0.5,1000,-2]\n");
  CHECK(json_of("[~, null, Null, ]") == "[null,null,null]\n");
  CHECK(json_of("['1', \"yes\", !!str 7, 08x, 1.2.3, 9:30, nO]") ==
        "[\"1\",\"yes\",\"7\",\"08x\",\"1.2.3\",\"9:30\",\"nO\"]\n");
  CHECK(json_of("a: |\n  x\n  y\nb: >\n  x\n  y\n") == "{\"a\":\"x\\ny\\n\",\"b\":\"x y\\n\"}\n");
  CHECK(json_of("a: 9223372036854775808\n") == "{\"a\":9223372036854776000}\n");
}

TEST_CASE("a file of YAML may have several documents, and each value knows its line") {
  CHECK(json_of("---\na: 1\n---\n---\nb: 2\n...\n") == "{\"a\":1}\n{\"b\":2}\n");
  const auto documents = parse_yaml("a:\n  - b\n  - c: 1\n", "f");
  REQUIRE(documents);
  const auto* list = documents->at(0).find("a");
  REQUIRE(list != nullptr);
  CHECK(list->items.at(1).place.line == 3);
  CHECK(list->items.at(1).members.at(0).place == YamlPlace{3, 5});
}

TEST_CASE("aliases and merged maps of YAML are replaced by what they stand for") {
  CHECK(json_of("a: &x {b: 1}\nc: *x\n") == "{\"a\":{\"b\":1},\"c\":{\"b\":1}}\n");
  CHECK(json_of("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n") == "{\"a\":{\"b\":1,\"c\":2},\"d\":{\"c\":3,\"b\":1}}\n");
  CHECK(json_of("a: *x\n") == "f:1: there is no anchor '&x' before this alias");
  CHECK(json_of("a: &x [*x]\n") == "f:1: there is no anchor '&x' before this alias");
}

TEST_CASE("YAML that would fill the memory is refused") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  }
  CHECK(json_of(bomb).find("more than 131072 values") != std::string::npos);
  CHECK(json_of(std::string(100, '[') + std::string(100, ']')) == "f:1: nested deeper than 64 levels");
  std::string tower = "a0: &a0 [x]\n";
  for (int i = 1; i < 100; ++i) tower += fmt::format("a{0}: &a{0} [*a{1}]\n", i, i - 1);
  CHECK(json_of(tower).find("nested deeper than 64 levels") != std::string::npos);
  const auto large = parse_yaml(std::string(100, ' '), "f", {.size_bytes = 10, .depth = 64, .nodes = 10});
  REQUIRE_FALSE(large);
  CHECK(large.error().message() == "f has 100 bytes; at most 10 are read");
}

TEST_CASE("mistakes in YAML are told with their line") {
  CHECK(json_of("a: 1\nb: 2\na: 3\n") == "f:3: the key 'a' is there twice");
  CHECK(json_of("1: a\n'1': b\n") == "f:2: the key '1' is there twice");
  CHECK(json_of("a: 1\n  b: 2\n").starts_with("f:2: this is no YAML: "));
  CHECK(json_of("a: [1\n").starts_with("f:2: this is no YAML: "));
  CHECK(json_of("{[a]: 1}\n") == "f:1: a key that is not a word is not supported");
  CHECK(json_of("a: !date 2001-01-01\n") == "f:1: the tag '!date' is not supported");
  CHECK(json_of("a: !!int x\n") == "f:1: 'x' is not a whole number");
  CHECK(json_of("a: \xff\n").starts_with("f:1: this is no YAML: "));
}

TEST_CASE("words that YAML reads as something else are known") {
  for (const auto* word : {"", "~", "yes", "off", "0x1", "1e3", "1_0", ".inf", "null"}) CHECK(is_yaml_word(word));
  for (const auto* word : {"a", "nope", "1.2.3", "-", "true-ish"}) CHECK_FALSE(is_yaml_word(word));
}
