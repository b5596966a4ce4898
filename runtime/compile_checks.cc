#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/text.h"
#include "runtime/compile_parts.h"
#include "runtime/mount_options.h"

namespace ctr::runtime {
namespace {

// Sysctls of the ipc namespace (ipc_namespaces(7)); all of fs.mqueue belong to it too.
constexpr std::array<std::string_view, 8> k_ipc_sysctls = {"kernel/msgmax", "kernel/msgmnb",         "kernel/msgmni",
                                                           "kernel/sem",    "kernel/shmall",         "kernel/shmmax",
                                                           "kernel/shmmni", "kernel/shm_rmid_forced"};

// The namespace a sysctl belongs to; nullopt: to the machine.
std::optional<NamespaceType> sysctl_namespace(const std::string& path) {
  if (path.starts_with("net/")) return NamespaceType::network;
  if (path.starts_with("fs/mqueue/")) return NamespaceType::ipc;
  if (std::find(k_ipc_sysctls.begin(), k_ipc_sysctls.end(), path) != k_ipc_sysctls.end()) return NamespaceType::ipc;
  if (path == "kernel/domainname" || path == "kernel/hostname") return NamespaceType::uts;
  return std::nullopt;
}

// A name that is given twice must be the same.
Result<void> check_name(const std::string& path, std::string_view which, const std::string& value,
                        std::string_view what, const std::string& name) {
  if (path != which || name.empty() || name == value) return ok();
  return Error(Errc::invalid,
               fmt::format("sysctl '{}' says '{}', the container's {} is '{}'", which, value, what, name));
}

// Where the mounts are not the container's own, it must not ask for any.
Result<void> check_mount_table(const RuntimeSpec& spec) {
  if (mount_table(spec) == MountTable::own) return ok();
  const SpecLinux& config = spec.linux_config;
  const std::pair<bool, const char*> k_asked[] = {
      {!spec.mounts.empty(), "mounts"},
      {spec.root.readonly, "root.readonly"},
      {!config.masked_paths.empty(), "maskedPaths"},
      {!config.readonly_paths.empty(), "readonlyPaths"},
      {!config.devices.empty(), "devices"},
      {!config.rootfs_propagation.empty(), "rootfsPropagation"},
  };
  for (const auto& [asked, name] : k_asked) {
    if (asked) return Error(Errc::invalid, fmt::format("{} need a new mount namespace", name));
  }
  return ok();
}

}  // namespace

bool sets_sysctl_of(const RuntimeSpec& spec, NamespaceType type) {
  const auto& sysctls = spec.linux_config.sysctl;
  return std::any_of(sysctls.begin(), sysctls.end(),
                     [&](const auto& entry) { return sysctl_namespace(sysctl_path(entry.first)) == type; });
}

MountTable mount_table(const RuntimeSpec& spec) {
  const SpecNamespace* entry = spec.find_namespace(NamespaceType::mount);
  if (entry == nullptr) return MountTable::inherited;
  return entry->path.empty() ? MountTable::own : MountTable::joined;
}

bool shares_mounts(const RuntimeSpec& spec) {
  const auto propagation = parse_propagation(spec.linux_config.rootfs_propagation);
  return propagation && propagation->flag == MS_SHARED;
}

Result<void> check_namespaces(const RuntimeSpec& spec) {
  std::set<NamespaceType> seen;
  for (const SpecNamespace& entry : spec.linux_config.namespaces) {
    if (!seen.insert(entry.type).second) {
      return Error(Errc::invalid, fmt::format("namespace '{}' is listed twice", namespace_name(entry.type)));
    }
  }
  TRY(check_mount_table(spec));
  if (!spec.linux_config.time_offsets.empty() && !spec.has_fresh_namespace(NamespaceType::time)) {
    return Error(Errc::invalid, "timeOffsets need a new time namespace");
  }
  if (!spec.linux_config.ids.empty() && spec.find_namespace(NamespaceType::user) == nullptr) {
    return Error(Errc::invalid, "uidMappings and gidMappings need a user namespace");
  }
  if (spec.find_namespace(NamespaceType::uts) != nullptr) return ok();
  if (!spec.hostname.empty()) return Error(Errc::invalid, "a host name needs a uts namespace");
  if (!spec.domainname.empty()) return Error(Errc::invalid, "a domain name needs a uts namespace");
  return ok();
}

Result<void> check_net_devices(const RuntimeSpec& spec, const HostFacts& host) {
  const auto& devices = spec.linux_config.net_devices;
  if (devices.empty()) return ok();
  if (spec.find_namespace(NamespaceType::network) == nullptr) {
    return Error(Errc::invalid, "netDevices need a network namespace");
  }
  std::set<std::string> names;
  for (const auto& [name, inside] : devices) {
    const std::string& given = inside.empty() ? name : inside;
    if (given.find('%') == std::string::npos && !names.insert(given).second) {
      return Error(Errc::invalid, fmt::format("netDevices: two devices are to be named '{}'", given));
    }
  }
  if (host.privileged()) return ok();
  return Error(Errc::permission,
               fmt::format("netDevices: only root can move the device '{}' of the host into a container",
                           devices.begin()->first));
}

Result<void> check_sysctls(const RuntimeSpec& spec) {
  for (const auto& [name, value] : spec.linux_config.sysctl) {
    const std::string path = sysctl_path(name);
    if (path.find("..") != std::string::npos) return Error(Errc::invalid, fmt::format("'{}' is no sysctl", name));
    const auto owner = sysctl_namespace(path);
    if (!owner) {
      return Error(Errc::invalid,
                   fmt::format("sysctl '{}' belongs to the whole machine and cannot be set for a container", name))
          .with_hint("only sysctls of namespaces can be set: net.*, kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*");
    }
    if (spec.find_namespace(*owner) == nullptr) {
      return Error(Errc::invalid, fmt::format("sysctl '{}' needs a {} namespace; this container uses the host's", name,
                                              namespace_name(*owner)));
    }
    TRY(check_name(path, "kernel/hostname", value, "host name", spec.hostname));
    TRY(check_name(path, "kernel/domainname", value, "domain name", spec.domainname));
  }
  return ok();
}

Result<void> check_mount_label(const RuntimeSpec& spec, const HostFacts& host) {
  if (spec.linux_config.mount_label.empty() || host.selinux) return ok();
  return Error(Errc::unsupported, fmt::format("mountLabel '{}' cannot be applied: this kernel does not run SELinux",
                                              printable(spec.linux_config.mount_label)));
}

namespace {

bool wants_profile(const SpecProcess& process) {
  return !process.apparmor_profile.empty() && process.apparmor_profile != "unconfined";
}

}  // namespace

Result<void> check_labels(const CompileInput& input) {
  const std::string& label = input.process.selinux_label;
  if (!label.empty() && !input.host.selinux) {
    return Error(
        Errc::unsupported,
        fmt::format("SELinux label '{}' cannot be applied: this kernel does not run SELinux", printable(label)));
  }
  if (!wants_profile(input.process) || input.host.apparmor) return ok();
  return Error(Errc::unsupported,
               fmt::format("AppArmor profile '{}' cannot be applied: this kernel does not run AppArmor",
                           printable(input.process.apparmor_profile)));
}

void emit_host_proc_writes(const CompileInput& input, ProgramBuilder* out) {
  const SpecProcess& process = input.process;
  const bool sets_score = input.is_exec && process.oom_score_adj;
  if (!wants_profile(process) && process.selinux_label.empty() && !sets_score) return;
  out->act("open the host's proc");
  const int16_t proc = out->take_register();
  out->add({.kind = ChildOpKind::open_path, .a = proc, .text = out->text("/proc"), .x = O_PATH | O_DIRECTORY});
  const auto write = [&](std::string_view file, const std::string& content) {
    out->add({.kind = ChildOpKind::write_file, .b = proc, .text = out->text(file), .more = out->text(content)});
  };
  // Scores are inherited; in a user namespace the right to lower them is gone.
  if (sets_score) emit_oom_score(process, proc, out);
  if (wants_profile(process)) {
    out->act(fmt::format("ask for the AppArmor profile '{}'", process.apparmor_profile));
    // The directory of AppArmor's own (Linux 5.8): the common file is that of whichever module comes first.
    write("self/attr/apparmor/exec", "exec " + process.apparmor_profile);
  }
  if (!process.selinux_label.empty()) {
    out->act(fmt::format("ask for the SELinux label '{}'", process.selinux_label));
    write("self/attr/exec", process.selinux_label);
    // Of the session keyring that is made later (keyrings(7)).
    if (input.options.habits.keyring == ProcessHabits::Keyring::fresh) {
      write("self/attr/keycreate", process.selinux_label);
    }
  }
  out->close_register(proc);
}

}  // namespace ctr::runtime
