// Limits of a cgroup: written, and checked where the kernel takes a value without keeping it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "runtime/cgroup.h"
#include "runtime/cgroup_check.h"
#include "runtime/cgroup_files.h"
#include "runtime/cgroup_limits.h"

namespace ctr::runtime {
namespace {

using Missing = CgroupSetting::Missing;

// /proc/swaps has a headline, then a line for each area.
bool host_has_swap() {
  const auto text = read_kernel_file("/proc/swaps");
  return !text || split(trim(*text), '\n').size() > 1;
}

Error missing_file(const Dir& dir, const CgroupSetting& setting) {
  const auto controllers = cgroup_words(dir, "cgroup.controllers");
  if (setting.controller.empty() ||
      std::find(controllers.begin(), controllers.end(), setting.controller) != controllers.end()) {
    return {Errc::unsupported,
            fmt::format("{} cannot be limited: this kernel has no '{}'", setting.subject, printable(setting.file))};
  }
  return missing_controller(setting.subject, setting.controller, ::geteuid());
}

Result<void> write_setting(const Dir& dir, const CgroupSetting& setting) {
  auto written = write_cgroup_file(dir, setting.file, setting.value);
  if (written) return ok();
  if (written.error().code() != Errc::not_found) {
    return std::move(written).error().context("limit " + setting.subject);
  }
  switch (setting.missing) {
    case Missing::refused:
      return missing_file(dir, setting);
    case Missing::nothing:
      return ok();
    case Missing::only_no_swap:
      return host_has_swap() ? Result<void>(missing_file(dir, setting)) : ok();
    case Missing::other:
      written = write_cgroup_file(dir, setting.other_file, setting.other_value);
      if (!written && written.error().code() == Errc::not_found) return missing_file(dir, setting);
      return std::move(written).context("limit " + setting.subject);
  }
  return ok();
}

// The kernel takes processors that the parent does not have, and runs the container on all of the parent's when none is
// left.
Result<void> check_cpuset(const Dir& dir, const std::string& file, const std::string& wanted) {
  const std::string effective = cgroup_text(dir, file + ".effective");
  if (effective.empty() || TRY(is_sublist(effective, wanted))) return ok();
  return Error(Errc::unsupported, fmt::format("{} '{}': of these none may be used here; usable are '{}'", file,
                                              printable(wanted), effective));
}

Result<void> write_all_settings(const Dir& dir, const std::vector<CgroupSetting>& settings) {
  for (const CgroupSetting& setting : settings) TRY(write_setting(dir, setting));
  for (const CgroupSetting& setting : settings) {
    if (setting.file == "cpuset.cpus" || setting.file == "cpuset.mems") {
      TRY(check_cpuset(dir, setting.file, setting.value));
    }
  }
  return ok();
}

}  // namespace

Result<void> Cgroup::apply(const SpecResources& resources) const {
  return write_all_settings(dir_, TRY(cgroup_settings(resources)));
}

Result<void> Cgroup::update(const SpecResources& resources) const {
  SpecResources complete = resources;
  complete_update(&complete, cgroup_text(dir_, "memory.max"), cgroup_text(dir_, "cpu.max"));
  if (complete.memory) {
    const auto bytes = [&](const char* file) {
      const auto value = parse_unsigned(cgroup_text(dir_, file), file);
      return value ? *value : 0;
    };
    TRY(check_memory_use(*complete.memory, bytes("memory.current"), bytes("memory.swap.current")));
  }
  return write_all_settings(dir_, TRY(cgroup_settings(complete)));
}

}  // namespace ctr::runtime
