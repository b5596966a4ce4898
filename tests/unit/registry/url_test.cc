#include "registry/url.h"

#include <string>

#include "tests/catch.h"

using ctr::registry::Origin;
using ctr::registry::parse_url;
using ctr::registry::resolve_url;

TEST_CASE("a URL is its text and its origin") {
  const auto url = parse_url("HTTPS://Quay.IO/v2/?a=b#fragment");
  REQUIRE(url);
  CHECK(url->origin == Origin{.scheme = "https", .host = "quay.io", .port = 443});
  CHECK(url->text.ends_with("/v2/?a=b"));
  CHECK(parse_url("http://h:5000/")->origin.port == 5000);
  CHECK(parse_url("http://[::1]:1/")->origin.host == "[::1]");
  CHECK(parse_url("https://h")->origin == parse_url("https://h:443/x")->origin);
}

TEST_CASE("other schemes, user names and odd bytes are refused") {
  for (const std::string& text :
       {std::string("file:///etc/passwd"), std::string("ftp://h/"), std::string("http://user@h/"),
        std::string("http://user:pw@h/"), std::string("/relative"), std::string(""), std::string("http://"),
        std::string("http://h\r\nX: y/"), std::string("http://h\0/", 10), std::string("http://h:99999/"),
        std::string("gopher://h/"), std::string("javascript:x")}) {
    INFO(text);
    CHECK_FALSE(parse_url(text));
  }
}

TEST_CASE("locations are resolved against what answered") {
  const auto base = *parse_url("https://h:8443/v2/a/blobs/x?y=z");
  CHECK(resolve_url(base, "/other?q")->text == "https://h:8443/other?q");
  CHECK(resolve_url(base, "sibling")->text == "https://h:8443/v2/a/blobs/sibling");
  CHECK(resolve_url(base, "//elsewhere/p")->origin == Origin{.scheme = "https", .host = "elsewhere", .port = 443});
  CHECK(resolve_url(base, "http://h:8443/")->origin.scheme == "http");
  CHECK_FALSE(resolve_url(base, ""));
  CHECK_FALSE(resolve_url(base, "http://u:p@h/"));
  CHECK_FALSE(resolve_url(base, "file:///etc/passwd"));
}

TEST_CASE("fields are encoded into a query") {
  const auto url = *parse_url("https://h/token?x=1");
  CHECK(with_query(url, {{"scope", "repository:a/b:pull,push"}, {"account", "ü &"}})->text ==
        "https://h/token?x=1&scope=repository%3Aa%2Fb%3Apull%2Cpush&account=%C3%BC%20%26");
  CHECK(with_query(*parse_url("https://h/token"), {{"a", "b"}})->text == "https://h/token?a=b");
  CHECK(*with_query(url, {}) == url);
}
