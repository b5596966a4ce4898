// The configuration for runtimes of others.
#include "runtime/foreign_spec.h"

#include "tests/catch.h"
#include "tests/unit/runtime/plans.h"

using namespace ctr;
using namespace ctr::runtime;
using ctr::test::plain_spec;

namespace {

const ForeignPlace k_place{.root = "/store/c/rootfs", .holder = 42, .init_program = {}};

std::string refusal(const RuntimeSpec& spec) {
  const auto made = foreign_spec(spec, k_place);
  return made ? "" : made.error().text();
}

}  // namespace

TEST_CASE("another runtime gets version 1.0.2, without what the holder and ctr have done") {
  RuntimeSpec spec = plain_spec();
  spec.linux_config.resources.emplace();
  spec.linux_config.cgroups_path = "/x";
  const auto made = foreign_spec(spec, k_place);
  REQUIRE(made);
  CHECK(made->oci_version == "1.0.2");
  CHECK(made->root.path == "/store/c/rootfs");
  CHECK(made->find_namespace(NamespaceType::user) == nullptr);
  CHECK(made->linux_config.ids.empty());
  REQUIRE(made->find_namespace(NamespaceType::network) != nullptr);
  CHECK(made->find_namespace(NamespaceType::network)->path == "/proc/42/ns/net");
  CHECK(made->has_fresh_namespace(NamespaceType::pid));
  CHECK_FALSE(made->linux_config.resources.has_value());
  CHECK(made->linux_config.cgroups_path.empty());
  CHECK(made->process == spec.process);
}

TEST_CASE("another runtime runs the program below the init that was asked for") {
  ForeignPlace place = k_place;
  place.init_program = "/libexec/ctr-init";
  const auto made = foreign_spec(plain_spec(), place);
  REQUIRE(made);
  CHECK(made->process->args[0] == "/run/podman-init");
  CHECK(made->mounts.back().source == "/libexec/ctr-init");
}

TEST_CASE("what version 1.0.2 cannot say is refused by name") {
  RuntimeSpec spec = plain_spec();
  spec.domainname = "example";
  CHECK(refusal(spec) == "domainname cannot be had from another runtime");
  spec = plain_spec();
  spec.process->scheduler.emplace();
  CHECK(refusal(spec) == "process.scheduler cannot be had from another runtime");
  spec = plain_spec();
  spec.linux_config.namespaces.push_back({.type = NamespaceType::time, .path = {}});
  CHECK(refusal(spec) == "time namespaces cannot be had from another runtime");
  spec = plain_spec();
  std::erase_if(spec.linux_config.namespaces, [](const auto& entry) { return entry.type == NamespaceType::pid; });
  CHECK(refusal(spec) == "--pid host cannot be had from another runtime");
}
