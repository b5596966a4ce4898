#include "registry/challenge.h"

#include <string>

#include "tests/catch.h"

using ctr::registry::parse_challenges;

TEST_CASE("a bearer challenge is taken apart") {
  const auto challenges = parse_challenges(
      R"(Bearer realm="https://auth.example/token",service="reg.example",scope="repository:a/b:pull,push")");
  REQUIRE(challenges.size() == 1);
  CHECK(challenges[0].scheme == "bearer");
  CHECK(challenges[0].parameter("realm") == "https://auth.example/token");
  CHECK(challenges[0].parameter("scope") == "repository:a/b:pull,push");
  CHECK(challenges[0].parameter("absent").empty());
}

TEST_CASE("several challenges of one header are told apart") {
  const auto challenges = parse_challenges(R"(Basic realm="a, b" , BEARER Realm = token, service="x\"y", Negotiate)");
  REQUIRE(challenges.size() == 3);
  CHECK(challenges[0].parameter("realm") == "a, b");
  CHECK(challenges[1].scheme == "bearer");
  CHECK(challenges[1].parameter("realm") == "token");
  CHECK(challenges[1].parameter("service") == "x\"y");
  CHECK(challenges[2].scheme == "negotiate");
}

TEST_CASE("the first of two equal parameters counts") {
  CHECK(parse_challenges(R"(Bearer realm="https://good",realm="http://evil")").at(0).parameter("realm") ==
        "https://good");
}

TEST_CASE("malformed challenges end the list and never hang") {
  CHECK(parse_challenges("").empty());
  CHECK(parse_challenges(", ,").empty());
  CHECK(parse_challenges("\"").empty());
  CHECK(parse_challenges("=x").empty());
  CHECK(parse_challenges(R"(Bearer realm="unfinished)").at(0).parameters.empty());
  CHECK(parse_challenges("Bearer realm").size() == 2);
  CHECK(parse_challenges("Bearer =\x01").size() == 1);
}
