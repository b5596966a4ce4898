#include "cli/pod_args.h"

#include <string>
#include <vector>

#include "cli/commands/all.h"
#include "tests/catch.h"

namespace ctr::cli {
namespace {

using Words = std::vector<std::string>;
using engine::PodSpec;

Result<PodSpec> spec_of(const Words& words) {
  const Environment environment = {{"HOME", "/home/u"}};
  const auto read = [](const std::string& path) -> Result<std::string> {
    if (path == "labels") return std::string("a=1\n");
    return Error(Errc::not_found, "open '" + path + "': No such file or directory");
  };
  const auto args = TRY(parse_args(k_pod_create_command, words));
  return pod_spec(args, {environment, "/work", read});
}

PodSpec good(const Words& words) {
  auto spec = spec_of(words);
  INFO((spec ? "" : spec.error().text()));
  REQUIRE(spec);
  return std::move(spec).value();
}

std::string wrong(const Words& words) {
  const auto spec = spec_of(words);
  return spec ? "no error" : spec.error().text();
}

}  // namespace

TEST_CASE("a pod is called by an option or by a word", "[pod]") {
  CHECK(good({}).name.empty());
  CHECK(good({"p"}).name == "p");
  CHECK(good({"--name", "p"}).name == "p");
  CHECK(wrong({"--name", "p", "q"}) == "cannot specify --name and NAME at the same time");
  CHECK(wrong({"--replace"}) == "cannot replace pod without --name being set");
}

TEST_CASE("what is shared, and the exit policy, are words of the options", "[pod]") {
  CHECK(good({}).share == std::set<std::string>{"ipc", "net", "uts"});
  CHECK(good({"--share", "net"}).share == std::set<std::string>{"net"});
  CHECK(good({"--share", ""}).share.empty());
  CHECK(good({"--exit-policy", "stop"}).exit_policy == PodSpec::ExitPolicy::stop);
  CHECK_FALSE(good({"--share-parent=false"}).share_parent);
  CHECK(good({"--infra-conmon-pidfile", "/p"}).monitor_pid_file == "/p");
  CHECK(good({"--infra-image", "i", "--infra-command", "c", "--infra-name", "n"}).infra_image == "i");
}

TEST_CASE("a pod that holds nothing shares nothing", "[pod]") {
  const auto spec = good({"--infra=false", "--label", "a=b"});
  CHECK_FALSE(spec.infra);
  CHECK(spec.share.empty());
  CHECK(wrong({"--infra=false", "--share", "net"}) == "cannot set share(net) namespaces without an infra container");
  CHECK(wrong({"--infra=false", "--infra-name", "x"}) == "cannot set infra-name without an infra container");
  CHECK(wrong({"--infra=false", "--no-hosts"}) == "cannot specify --no-hosts without an infra container");
  CHECK(wrong({"--infra=false", "--hostname", "x"}) == "cannot set --hostname without infra container");
}

TEST_CASE("settings of all members are written as those of containers", "[pod]") {
  const auto spec = good({"--label",    "x=y",       "--label-file",   "labels",
                          "--hostname", "h",         "--dns",          "9.9.9.9",
                          "--add-host", "n:1.2.3.4", "--sysctl",       "net.ipv4.ip_forward=1",
                          "--shm-size", "1m",        "--restart",      "always",
                          "-v",         "/a:/b",     "--network",      "none",
                          "--userns",   "keep-id",   "--security-opt", "no-new-privileges",
                          "--device",   "/dev/null"});
  const auto& shared = spec.shared;
  CHECK(shared.labels == std::map<std::string, std::string>{{"a", "1"}, {"x", "y"}});
  CHECK(shared.hostname == "h");
  CHECK(shared.dns_servers == Words{"9.9.9.9"});
  CHECK(shared.add_hosts == Words{"n:1.2.3.4"});
  CHECK(shared.sysctls.at("net.ipv4.ip_forward") == "1");
  CHECK(*shared.shm_size_bytes == 1U << 20);
  CHECK(shared.restart.policy == engine::RestartSpec::Policy::always);
  CHECK(shared.mounts.size() == 1);
  CHECK(shared.network.mode == engine::NetworkChoice::Mode::none);
  CHECK(shared.userns.mode == engine::UsernsChoice::Mode::keep_id);
  CHECK(shared.security.no_new_privileges);
  CHECK(shared.devices.size() == 1);
  CHECK(shared.name.empty());
}

TEST_CASE("a container that makes its pod leaves what pods decide to that", "[pod]") {
  engine::ContainerSpec spec;
  spec.pod = "new:p";
  spec.hostname = "h";
  spec.dns_servers = {"9.9.9.9"};
  spec.network.mode = engine::NetworkChoice::Mode::none;
  const auto pod = pod_around(spec);
  REQUIRE(pod);
  CHECK(pod->name == "p");
  CHECK(pod->shared.hostname == "h");
  CHECK(pod->shared.dns_servers == Words{"9.9.9.9"});
  CHECK(pod->shared.network.mode == engine::NetworkChoice::Mode::none);
  CHECK(spec.hostname.empty());
  CHECK(spec.network == engine::NetworkChoice{});
  spec.pod = "new:";
  CHECK(pod_around(spec).error().text() == "new pod name must be at least one character");
}

}  // namespace ctr::cli
