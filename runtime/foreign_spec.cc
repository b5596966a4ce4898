#include "runtime/foreign_spec.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/compile.h"
#include "runtime/mount_options.h"

namespace ctr::runtime {
namespace {

constexpr const char* k_version = "1.0.2";

bool has_mapped_mount(const RuntimeSpec& spec) {
  return std::any_of(spec.mounts.begin(), spec.mounts.end(), [](const SpecMount& mount) { return !mount.ids.empty(); });
}

// The first field that version 1.0.2 does not have, empty: there is none.
const char* younger_field(const RuntimeSpec& spec) {
  const SpecLinux& config = spec.linux_config;
  if (!spec.domainname.empty()) return "domainname";
  if (spec.find_namespace(NamespaceType::time) != nullptr || !config.time_offsets.empty()) return "time namespaces";
  if (!config.net_devices.empty()) return "linux.netDevices";
  if (config.memory_policy) return "linux.memoryPolicy";
  if (has_mapped_mount(spec)) return "id mappings of mounts";
  if (!spec.process) return nullptr;
  if (spec.process->scheduler) return "process.scheduler";
  if (spec.process->io_priority) return "process.ioPriority";
  return nullptr;
}

}  // namespace

Result<void> check_foreign(const RuntimeSpec& spec) {
  if (const char* field = younger_field(spec)) {
    return Error(Errc::unsupported, fmt::format("{} cannot be had from another runtime", field));
  }
  for (const SpecMount& mount : spec.mounts) {
    const auto is_part = [](const auto& option) {
      return option.starts_with(k_subpath_option) || option.starts_with(k_made_subpath_option);
    };
    if (std::any_of(mount.options.begin(), mount.options.end(), is_part)) {
      return Error(Errc::unsupported, "the subpath of a mount cannot be had from another runtime");
    }
  }
  // Its processes could look into the holder, which sees the host's files.
  if (spec.find_namespace(NamespaceType::pid) == nullptr) {
    return Error(Errc::unsupported, "--pid host cannot be had from another runtime");
  }
  return ok();
}

Result<RuntimeSpec> foreign_spec(const RuntimeSpec& spec, const ForeignPlace& place) {
  TRY(check_foreign(spec));
  RuntimeSpec out = place.init_program.empty() ? spec : with_init(spec, place.init_program);
  out.oci_version = k_version;
  out.root.path = place.root;
  SpecLinux& config = out.linux_config;
  std::erase_if(config.namespaces, [](const SpecNamespace& entry) { return entry.type == NamespaceType::user; });
  config.ids = {};
  for (SpecNamespace& entry : config.namespaces) {
    if (entry.type == NamespaceType::network && entry.path.empty()) {
      entry.path = fmt::format("/proc/{}/ns/net", place.holder);
    }
  }
  config.resources.reset();
  config.cgroups_path.clear();
  return out;
}

}  // namespace ctr::runtime
