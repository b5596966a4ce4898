// Tokens, error answers and ranges: the small parsers of the protocol.
#include <string>

#include "base/base64.h"
#include "registry/download.h"
#include "registry/errors.h"
#include "registry/tokens.h"
#include "tests/catch.h"

using namespace ctr::registry;  // NOLINT(google-build-using-namespace): a test
using ctr::Errc;

TEST_CASE("base64 is encoded and decoded") {
  CHECK(ctr::base64_encode("") == "");
  CHECK(ctr::base64_encode("a") == "YQ==");
  CHECK(ctr::base64_encode("ab") == "YWI=");
  CHECK(ctr::base64_encode("user:pässwort") == "dXNlcjpww6Rzc3dvcnQ=");
  CHECK(ctr::base64_decode("YWI=") == "ab");
  CHECK(ctr::base64_decode("YWI") == "ab");
  CHECK(ctr::base64_decode("dXNlcjpww6Rzc3dvcnQ=") == "user:pässwort");
  CHECK_FALSE(ctr::base64_decode("Y"));
  CHECK_FALSE(ctr::base64_decode("Y W="));
  CHECK_FALSE(ctr::base64_decode("YQ==YQ=="));
}

TEST_CASE("a token request names service, scopes and account") {
  const Challenge challenge{
      .scheme = "bearer",
      .parameters = {{"realm", "https://auth/token"}, {"service", "s"}, {"scope", "repository:a:pull"}}};
  const Origin registry{.scheme = "https", .host = "r", .port = 443};
  const auto request = token_request(challenge, registry, {"repository:b:pull"},
                                     Credentials{.username = "u", .password = "p", .identity_token = {}});
  REQUIRE(request);
  CHECK(request->method == Method::get);
  CHECK(request->url.text ==
        "https://auth/token?service=s&scope=repository%3Ab%3Apull&scope=repository%3Aa%3Apull&account=u");
  CHECK(request->headers.back() == "Authorization: Basic dTpw");
}

TEST_CASE("an identity token travels in the body only") {
  const Challenge challenge{.scheme = "bearer", .parameters = {{"realm", "https://auth/token"}}};
  const Origin registry{.scheme = "https", .host = "r", .port = 443};
  const auto request =
      token_request(challenge, registry, {"x"}, Credentials{.username = "u", .password = "p", .identity_token = "t"});
  REQUIRE(request);
  CHECK(request->method == Method::post);
  CHECK(request->url.text == "https://auth/token");
  CHECK(request->body == "grant_type=refresh_token&client_id=ctr&refresh_token=t&scope=x");
}

TEST_CASE("a realm by http is refused for a registry by https, not for one by http") {
  const Challenge challenge{.scheme = "bearer", .parameters = {{"realm", "http://auth/token"}}};
  CHECK_FALSE(token_request(challenge, {.scheme = "https", .host = "auth", .port = 443}, {}, {}));
  CHECK(token_request(challenge, {.scheme = "http", .host = "auth", .port = 80}, {}, {}));
}

TEST_CASE("a token answer is read strictly") {
  CHECK(parse_token(R"({"token":"a"})")->value == "a");
  CHECK(parse_token(R"({"access_token":"b","expires_in":300})")->lifetime == std::chrono::seconds(300));
  CHECK(parse_token(R"({"token":"a"})")->lifetime == std::chrono::seconds(60));
  for (const std::string text : {"", "[]", "{}", R"({"token":1})", R"({"token":""})", R"({"token":"a b"})",
                                 R"({"token":"a\nb"})", R"({"token":"ä"})"}) {
    INFO(text);
    CHECK_FALSE(parse_token(text));
  }
}

TEST_CASE("error answers become words and a code") {
  const auto text = [](int status, const std::string& body) { return error_of_response(status, body).message(); };
  CHECK(text(404, R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]})") == "manifest unknown");
  CHECK(text(404, R"({"errors":[{"code":"NAME_UNKNOWN","message":"no such repo"}]})") == "name unknown: no such repo");
  CHECK(text(403, R"({"details":"no access"})") == "no access");
  CHECK(text(503, "<html>") == "status 503 (service unavailable)");
  CHECK(text(500, R"({"message":"boom"})") == "status 500: boom");
  CHECK(text(418, "") == "status 418");
  CHECK(error_of_response(401, "").code() == Errc::unauthorized);
  CHECK(error_of_response(403, "").code() == Errc::unauthorized);
  CHECK(error_of_response(404, "").code() == Errc::not_found);
  CHECK(error_of_response(500, "").code() == Errc::network);
  CHECK(text(404, R"({"errors":[{"code":5,"message":["x"]}]})") == "status 404 (not found)");
  CHECK(text(404, R"({"message":"a\u001b[2Jb\u202e"})").find('\x1b') == std::string::npos);
}

TEST_CASE("Retry-After is a number of seconds or a date") {
  CHECK(retry_after_seconds("", 0) == -1);
  CHECK(retry_after_seconds("soon", 0) == -1);
  CHECK(retry_after_seconds(" 12 ", 0) == 12);
  CHECK(retry_after_seconds("-1", 0) == -1);
  CHECK(retry_after_seconds("Fri, 31 Dec 1999 23:59:59 GMT", 946684799 - 30) == 30);
  CHECK(retry_after_seconds("Fri, 31 Dec 1999 23:59:59 GMT", 946684799 + 30) == 0);
}

TEST_CASE("Content-Range is read strictly") {
  CHECK(parse_content_range("bytes 5-9/10") == ContentRange{.first = 5, .last = 9, .total = 10});
  CHECK(parse_content_range("bytes 0-0/*") == ContentRange{.first = 0, .last = 0, .total = UINT64_MAX});
  for (const std::string text : {"", "bytes", "bytes 5-9", "bytes 9-5/10", "bytes 5-10/10", "bytes -5/10",
                                 "items 5-9/10", "bytes 5-9/99999999999999999999", "bytes */10"}) {
    INFO(text);
    CHECK_FALSE(parse_content_range(text));
  }
}
