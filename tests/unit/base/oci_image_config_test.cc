#include <string>
#include <vector>

#include "base/oci/image_config.h"
#include "tests/catch.h"

using ctr::Errc;
using ctr::oci::parse_image_config;

namespace {

const std::string k_a = "sha256:" + std::string(64, 'a');
const std::string k_rootfs = R"("rootfs":{"type":"layers","diff_ids":[")" + k_a + "\"]}";

std::string with_config(const std::string& members) {
  return R"({"architecture":"amd64","os":"linux",)" + k_rootfs + R"(,"config":{)" + members + "}}";
}

}  // namespace

TEST_CASE("a whole configuration is read and printed again") {
  const auto config = parse_image_config(
      R"({"created":"2026-01-02T03:04:05.5Z","author":"me","architecture":"arm64","os":"linux","variant":"v8",)" +
      k_rootfs +
      R"(,"config":{"User":"1:2","Env":["A=1"],"Entrypoint":["/e"],"Cmd":["c"],"WorkingDir":"/w","Labels":{"l":"v"},)"
      R"("ExposedPorts":{"80/tcp":{}},"Volumes":{"/v":{}},"StopSignal":"TERM","Shell":["/bin/sh"],"OnBuild":["RUN x"],)"
      R"("Healthcheck":{"Test":["CMD","x"],"Interval":1000,"Timeout":2,"StartPeriod":3,"Retries":4}},)"
      R"("history":[{"created":"2026-01-02T03:04:05Z","created_by":"ADD","empty_layer":true}]})");
  REQUIRE(config);
  CHECK(config->user == "1:2");
  CHECK(config->exposed_ports == std::set<std::string>{"80/tcp"});
  CHECK(config->health->retries == 4);
  CHECK(config->history.at(0).empty_layer);
  CHECK(config->diff_ids.at(0).digest.to_string() == k_a);
  const auto again = parse_image_config(ctr::dump_json(to_json(*config)));
  REQUIRE(again);
  CHECK(*again == *config);
}

TEST_CASE("environment entries that would be filled from the host are dropped") {
  const auto config = parse_image_config(with_config(R"("Env":["HOME","*","=x","A=","B=1=2"])"));
  REQUIRE(config);
  CHECK(config->env == std::vector<std::string>{"A=", "B=1=2"});
}

TEST_CASE("null and missing members are empty") {
  const auto config = parse_image_config(with_config(R"("Env":null,"Cmd":null,"Labels":null,"Volumes":null)"));
  REQUIRE(config);
  CHECK(config->env.empty());
  CHECK(parse_image_config("{" + k_rootfs + R"(,"config":null})"));
}

TEST_CASE("a configuration without rootfs or with wrong types is corrupt") {
  for (const std::string& text :
       {std::string("{}"), std::string("[]"), std::string(""),
        std::string(R"({"rootfs":{"type":"other","diff_ids":[]}})"),
        std::string(R"({"rootfs":{"type":"layers","diff_ids":["md5:x"]}})"), with_config(R"("Env":"A=1")"),
        with_config(R"("Cmd":[1])"), with_config(R"("User":5)"), with_config(R"("Volumes":[])"),
        with_config(R"("Healthcheck":{"Retries":-1})"), "{" + k_rootfs + R"(,"created":"yesterday"})",
        "{" + k_rootfs + R"(,"history":[1]})"}) {
    INFO(text);
    const auto config = parse_image_config(text);
    REQUIRE_FALSE(config);
    CHECK(config.error().code() == Errc::corrupt);
  }
}

TEST_CASE("a NUL byte in text that reaches the kernel is refused") {
  CHECK_FALSE(parse_image_config(with_config(R"("Env":["A=\u0000"])")));
  CHECK_FALSE(parse_image_config(with_config(R"("User":"root\u0000x")")));
  CHECK_FALSE(parse_image_config(with_config(R"("WorkingDir":"/\u0000")")));
}

TEST_CASE("the chain id is the diff id of one layer, then a digest over the chain") {
  const ctr::oci::DiffId a{*ctr::Digest::parse(k_a)};
  CHECK(ctr::oci::chain_id({a}).digest == a.digest);
  CHECK(ctr::oci::chain_id({a, a}).digest == ctr::digest_of(k_a + " " + k_a));
}
