#include "tests/unit/runtime/plans.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "tests/catch.h"

namespace ctr::test {

using namespace ctr::runtime;

HostFacts plain_host() {
  HostFacts host;
  host.uid = host.gid = 1000;
  host.user = "jo";
  host.subuids = host.subgids = {{.first = 100000, .count = 65536}};
  host.newuidmap = host.newgidmap = "/usr/bin/x";
  host.fuse_overlayfs = "/usr/bin/fuse-overlayfs";
  host.cgroup.mode = CgroupMode::v2_not_delegated;
  host.cgroup.mount_point = "/sys/fs/cgroup";
  return host;
}

RootfsPlan plain_rootfs() {
  RootfsPlan plan;
  plan.kind = RootfsPlan::Kind::overlay;
  plan.mount_point = "/store/c/rootfs";
  plan.lower_dirs = {"/store/l/2", "/store/l/1"};
  plan.upper_dir = "/store/c/upper";
  plan.work_dir = "/store/c/work";
  return plan;
}

RuntimeSpec plain_spec() {
  RuntimeSpec spec = default_spec(plain_host().default_map());
  spec.process->args = {"program", "argument"};
  return spec;
}

std::string compiled(const RuntimeSpec& spec, const RootfsPlan& plan, const CompileOptions& options) {
  const auto program = compile_run(spec, plan, plain_host(), options);
  return program ? format_program(*program) : "ERROR " + program.error().text();
}

std::string compiled_on(const HostFacts& host, const RuntimeSpec& spec) {
  const auto program = compile_run(spec, plain_rootfs(), host, {});
  return program ? format_program(*program) : "ERROR " + program.error().text();
}

std::string steps_about(const std::string& program, const std::string& words) {
  if (program.starts_with("ERROR")) return program + "\n";
  std::string out;
  bool wanted = false;
  for (const std::string& line : split(program, '\n')) {
    if (line.starts_with("# ")) {
      wanted = false;
      for (const std::string& word : split(words, '|')) wanted = wanted || line.substr(2).starts_with(word);
    }
    if (wanted && !line.empty()) out += line + "\n";
  }
  return out;
}

void compare_golden(const std::string& name, const std::string& text) {
  const char* root = ::getenv("CTR_SOURCE_ROOT");
  REQUIRE(root != nullptr);
  const std::string path = std::string(root) + "/tests/golden/runtime/" + name;
  if (::getenv("CTR_ACCEPT") != nullptr) {
    (void)::unlink(path.c_str());
    REQUIRE(create_file(path, text));
  }
  const auto golden = read_file(path);
  REQUIRE(golden);
  CHECK(text == *golden);
}

}  // namespace ctr::test
