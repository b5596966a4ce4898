#include "registry/search.h"

#include "registry/url.h"
#include "tests/catch.h"

using namespace ctr::registry;  // NOLINT(google-build-using-namespace): a test

TEST_CASE("an answer of the first search API is read, with what it leaves out") {
  const auto results = parse_search_answer(
      R"({"num_results":2,"results":[{"name":"a/b","description":"d","star_count":7,"is_official":true,)"
      R"("is_automated":true},{"name":"c","description":null}]})",
      "search");
  REQUIRE(results);
  REQUIRE(results->size() == 2);
  CHECK((*results)[0] ==
        SearchResult{.name = "a/b", .description = "d", .stars = 7, .official = true, .automated = true});
  CHECK((*results)[1] == SearchResult{.name = "c", .description = ""});
  CHECK_FALSE(parse_search_answer(R"({"results":[{}]})", "search"));
  CHECK_FALSE(parse_search_answer("<html>", "search"));
}

TEST_CASE("the next page is where the Link header says") {
  CHECK(next_link("</v2/_catalog?last=x&n=1000>; rel=\"next\"") == "/v2/_catalog?last=x&n=1000");
  CHECK(next_link("</v2/_catalog>; rel=\"prev\"").empty());
  CHECK(next_link("").empty());
}
