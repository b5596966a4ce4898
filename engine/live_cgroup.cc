#include "engine/live_cgroup.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "runtime/cgroup_files.h"

namespace ctr::engine {

using runtime::CgroupMode;

namespace {

std::string_view missing_part(CgroupMode mode) {
  switch (mode) {
    case CgroupMode::none:
      return "no cgroup file system is mounted at /sys/fs/cgroup";
    case CgroupMode::v1:
    case CgroupMode::hybrid:
      return "this host has cgroup v1, which gives a normal user none";
    case CgroupMode::v2_not_delegated:
      return "cgroup v2 is not delegated to this user";
    case CgroupMode::v2_delegated:
      return "the container was started without one";
  }
  return {};
}

std::string_view way_to_it(CgroupMode mode) {
  switch (mode) {
    case CgroupMode::none:
    case CgroupMode::v1:
    case CgroupMode::hybrid:
      return "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line, log in through a session of "
             "systemd, which delegates, and start the container anew; `ctr doctor` checks";
    case CgroupMode::v2_not_delegated:
      return "log in through a session of systemd, which delegates, and start the container anew; `ctr doctor` checks";
    case CgroupMode::v2_delegated:
      return "start it anew, without --cgroups disabled";
  }
  return {};
}

}  // namespace

Error no_cgroup(CgroupMode mode, std::string_view act) {
  return Error(Errc::unsupported, fmt::format("{} needs a cgroup of the container's own: {}", act, missing_part(mode)))
      .with_hint(std::string(way_to_it(mode)));
}

Result<void> check_cgroups(Core& core, std::string_view act) {
  const auto mode = TRY(core.host())->cgroup.mode;
  // Where it is not delegated, systemd may have made them.
  if (mode == CgroupMode::v2_delegated || mode == CgroupMode::v2_not_delegated) return ok();
  return no_cgroup(mode, act);
}

Result<runtime::Cgroup> open_live_cgroup(Core& core, const runtime::StateRecord& state, std::string_view act) {
  const auto* host = TRY(core.host());
  if (state.cgroup_path.empty()) return no_cgroup(host->cgroup.mode, act);
  return runtime::Cgroup::open(runtime::k_cgroup_root, state.cgroup_path);
}

Result<void> remove_left_cgroup(const runtime::StateRecord& state) {
  if (state.cgroup_path.empty()) return ok();
  auto opened = runtime::Cgroup::open(runtime::k_cgroup_root, state.cgroup_path);
  if (!opened && opened.error().code() == Errc::not_found) return ok();
  auto cgroup = TRY(std::move(opened));
  TRY(cgroup.kill());
  return cgroup.remove();
}

bool is_paused(const runtime::StateRecord& state) {
  if (state.cgroup_path.empty()) return false;
  const auto text = read_kernel_file(runtime::k_cgroup_root + state.cgroup_path + "/cgroup.freeze");
  return text && trim(*text) == "1";
}

}  // namespace ctr::engine
