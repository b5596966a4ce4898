// How blobs come in from a registry that breaks off, lies about ranges, or sends other bytes.
#include <sys/timerfd.h>

#include <string>

#include "tests/catch.h"
#include "tests/registry/fault_server.h"

using namespace ctr;        // NOLINT(google-build-using-namespace): a test
using namespace ctr::test;  // NOLINT(google-build-using-namespace): a test
using registry::ClientOptions;

namespace {

// 400,000 bytes.
struct OneBlob {
  FaultServer server;
  oci::Descriptor blob = server.add_blob("0123456789", 40'000);
  std::string content = [] {
    std::string text;
    for (int i = 0; i < 40'000; ++i) text += "0123456789";
    return text;
  }();
  MemorySink sink{blob};

  Result<void> fetch(ClientOptions options = {}) {
    TestClient client(std::move(options));
    return client->fetch_blobs(insecure(server.host(), "a/b"), {{.descriptor = blob, .sink = &sink}});
  }
  std::string range_of(size_t request) { return server.log("/blobs/").at(request).headers["range"]; }
};

const std::string k_blob = "GET /v2/a/b/blobs/.*";

}  // namespace

TEST_CASE("a blob is fetched, checked and committed once") {
  OneBlob test;
  REQUIRE(test.fetch());
  CHECK(test.sink.bytes == test.content);
  CHECK(test.sink.commits == 1);
  CHECK(test.server.log("/blobs/").at(0).headers["user-agent"] == "ctr/test");
}

TEST_CASE("a dropped connection resumes with Range where it broke off") {
  OneBlob test;
  test.server.add_rule(k_blob, R"({"drop_after": 150000})", 1);
  REQUIRE(test.fetch());
  CHECK(test.sink.bytes == test.content);
  CHECK(test.sink.restarts == 0);
  REQUIRE(test.server.log("/blobs/").size() == 2);
  CHECK(test.range_of(0).empty());
  CHECK(test.range_of(1).starts_with("bytes="));
}

TEST_CASE("bytes held from an earlier pull are not fetched again") {
  OneBlob test;
  test.sink.bytes = test.content.substr(0, 280'000);
  REQUIRE(test.fetch());
  CHECK(test.sink.bytes == test.content);
  CHECK(test.range_of(0) == "bytes=280000-");
}

TEST_CASE("a blob that is whole already is verified without a request") {
  OneBlob test;
  test.sink.bytes = test.content;
  REQUIRE(test.fetch());
  CHECK(test.sink.commits == 1);
  CHECK(test.server.log("/blobs/").empty());
}

TEST_CASE("damaged bytes of an earlier pull are dropped and the blob is fetched as a whole") {
  OneBlob test;
  test.sink.bytes = std::string(280'000, 'x');
  REQUIRE(test.fetch());
  CHECK(test.sink.bytes == test.content);
  CHECK(test.sink.commits == 1);
  test.sink.bytes = std::string(400'000, 'x');
  REQUIRE(test.fetch());
  CHECK(test.sink.bytes == test.content);
}

TEST_CASE("a server that ignores Range starts the blob over") {
  OneBlob test;
  test.sink.bytes = test.content.substr(0, 100);
  test.server.add_rule(k_blob, R"({"ignore_range": true})");
  REQUIRE(test.fetch());
  CHECK(test.sink.bytes == test.content);
  CHECK(test.sink.restarts == 1);
}

TEST_CASE("a wrong Content-Range starts the blob over without Range") {
  const std::string header = GENERATE(as<std::string>(), "bytes 0-399999/400000", "bytes 100-399999/999999",
                                      "bytes 100-50/400000", "nonsense");
  OneBlob test;
  test.sink.bytes = test.content.substr(0, 100);
  test.server.add_rule(k_blob, R"({"content_range": ")" + header + "\"}");
  REQUIRE(test.fetch());
  CHECK(test.sink.bytes == test.content);
  CHECK(test.range_of(1).empty());
}

TEST_CASE("a refused range starts the blob over") {
  OneBlob test;
  test.sink.bytes = test.content.substr(0, 100);
  test.server.add_rule(k_blob, R"({"status": 416})", 1);
  REQUIRE(test.fetch());
  CHECK(test.sink.bytes == test.content);
}

TEST_CASE("a body shorter than the manifest says is refused before a byte of it is taken") {
  OneBlob test;
  test.server.add_rule(k_blob, R"({"short_by": 1})");
  const auto fetched = test.fetch();
  REQUIRE_FALSE(fetched);
  CHECK(fetched.error().code() == Errc::corrupt);
  CHECK_THAT(fetched.error().text(), Catch::Matchers::ContainsSubstring("399999"));
  CHECK(test.sink.commits == 0);
  CHECK(test.sink.bytes.empty());
}

TEST_CASE("a body of unknown length is read no further than the manifest says") {
  OneBlob test;
  test.server.add_rule(k_blob, R"({"extra": 500000000})");
  const auto fetched = test.fetch();
  REQUIRE_FALSE(fetched);
  CHECK(fetched.error().code() == Errc::corrupt);
  CHECK_THAT(fetched.error().text(), Catch::Matchers::ContainsSubstring("longer than the 400000 bytes"));
  CHECK(test.sink.bytes.empty());
}

TEST_CASE("bytes with another digest are never committed and not kept") {
  OneBlob test;
  test.server.add_rule(k_blob, R"({"corrupt": true})");
  const auto fetched = test.fetch();
  REQUIRE_FALSE(fetched);
  CHECK(fetched.error().code() == Errc::corrupt);
  CHECK_THAT(fetched.error().text(),
             Catch::Matchers::ContainsSubstring("reading blob " + test.blob.digest.to_string()));
  CHECK(test.sink.commits == 0);
  CHECK(test.sink.bytes.empty());
}

TEST_CASE("a content encoding header does not change what is hashed") {
  OneBlob test;
  test.server.add_rule(k_blob, R"({"headers": {"Content-Encoding": "gzip", "Content-Type": "application/gzip"}})");
  REQUIRE(test.fetch());
  CHECK(test.sink.bytes == test.content);
}

TEST_CASE("a server that always drops is given up after the stated number of retries") {
  OneBlob test;
  test.server.add_rule(k_blob, R"({"drop_after": 0})");
  const auto fetched = test.fetch();
  REQUIRE_FALSE(fetched);
  CHECK(fetched.error().code() == Errc::network);
  CHECK_THAT(fetched.error().text(), Catch::Matchers::ContainsSubstring("after 3 retries"));
  CHECK(test.server.log("/blobs/").size() == 4);
}

TEST_CASE("progress renews the retries, but not for ever") {
  OneBlob test;
  test.server.add_rule(k_blob, R"({"drop_after": 20000})");
  const auto fetched = test.fetch();
  REQUIRE_FALSE(fetched);
  CHECK_THAT(fetched.error().text(), Catch::Matchers::ContainsSubstring("after 10 retries"));
  CHECK(test.server.log("/blobs/").size() == 11);
  CHECK(test.sink.bytes == test.content.substr(0, test.sink.bytes.size()));
}

TEST_CASE("silence breaks a transfer off and it resumes") {
  OneBlob test;
  ClientOptions options;
  options.limits.idle = std::chrono::seconds(1);
  test.server.add_rule(k_blob, R"({"stall_after": 100000, "stall": 20})", 1);
  REQUIRE(test.fetch(options));
  CHECK(test.sink.bytes == test.content);
  CHECK(test.range_of(1).starts_with("bytes="));
}

TEST_CASE("server errors are retried, others are not") {
  OneBlob test;
  SECTION("503") {
    test.server.add_rule(k_blob, R"({"status": 503})", 3);
    CHECK(test.fetch());
    CHECK(test.sink.commits == 1);
  }
  SECTION("404") {
    test.server.add_rule(k_blob, R"({"status": 404})");
    const auto fetched = test.fetch();
    REQUIRE_FALSE(fetched);
    CHECK(fetched.error().code() == Errc::not_found);
    CHECK(test.server.log("/blobs/").size() == 1);
  }
}

TEST_CASE("Retry-After is honoured up to its limit, then said") {
  OneBlob test;
  SECTION("a short wait") {
    test.server.add_rule(k_blob, R"({"status": 429, "headers": {"Retry-After": "1"}})", 1);
    const auto start = std::chrono::steady_clock::now();
    CHECK(test.fetch());
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::seconds(1));
  }
  SECTION("an hour") {
    test.server.add_rule(k_blob, R"({"status": 429, "headers": {"Retry-After": "3600"}})");
    const auto fetched = test.fetch();
    REQUIRE_FALSE(fetched);
    CHECK_THAT(fetched.error().text(), Catch::Matchers::ContainsSubstring("asks to wait 3600 s"));
    CHECK(test.server.log("/blobs/").size() == 1);
  }
}

TEST_CASE("blobs come in side by side") {
  FaultServer server;
  server.add_rule(k_blob, R"({"delay": 1})");
  std::vector<MemorySink> sinks(5);
  std::vector<registry::BlobDownload> downloads;
  for (size_t i = 0; i < sinks.size(); ++i) {
    const auto blob = server.add_blob("layer " + std::to_string(i));
    sinks[i].wanted = blob.digest;
    downloads.push_back({.descriptor = blob, .sink = &sinks[i]});
  }
  TestClient client;
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(client->fetch_blobs(insecure(server.host(), "a/b"), downloads));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(4));
  for (const auto& sink : sinks) CHECK(sink.commits == 1);
}

TEST_CASE("an error of the sink ends the transfer and is passed on") {
  OneBlob test;
  test.sink.fail_after = 1000;
  const auto fetched = test.fetch();
  REQUIRE_FALSE(fetched);
  CHECK(fetched.error().code() == Errc::no_space);
  CHECK(test.server.log("/blobs/").size() == 1);
}

TEST_CASE("an empty blob needs no request") {
  FaultServer server;
  const auto blob = server.add_blob("");
  MemorySink sink(blob);
  TestClient client;
  REQUIRE(client->fetch_blobs(insecure(server.host(), "a/b"), {{.descriptor = blob, .sink = &sink}}));
  CHECK(sink.commits == 1);
}

TEST_CASE("a request to stop ends a silent transfer within a second and keeps what came") {
  OneBlob test;
  test.server.add_rule(k_blob, R"({"stall_after": 100000, "stall": 20})");
  const Fd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  const itimerspec after{.it_interval = {}, .it_value = {.tv_sec = 1, .tv_nsec = 0}};
  REQUIRE(timerfd_settime(timer.get(), 0, &after, nullptr) == 0);
  TestClient client({}, "", CancelToken(timer.get()));
  const auto start = std::chrono::steady_clock::now();
  const auto fetched =
      client->fetch_blobs(insecure(test.server.host(), "a/b"), {{.descriptor = test.blob, .sink = &test.sink}});
  REQUIRE_FALSE(fetched);
  CHECK(fetched.error().code() == Errc::interrupted);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(3));
  CHECK(test.sink.commits == 0);
  CHECK(test.sink.restarts == 0);
  CHECK(test.sink.bytes == test.content.substr(0, test.sink.bytes.size()));
}
