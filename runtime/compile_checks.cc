#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "runtime/compile_parts.h"

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

}  // namespace

Result<void> check_namespaces(const RuntimeSpec& spec) {
  std::set<NamespaceType> seen;
  for (const SpecNamespace& entry : spec.linux_config.namespaces) {
    if (!seen.insert(entry.type).second) {
      return Error(Errc::invalid, fmt::format("namespace '{}' is listed twice", namespace_name(entry.type)));
    }
  }
  if (!spec.has_fresh_namespace(NamespaceType::mount)) {
    return Error(Errc::unsupported, "a container without a mount namespace of its own is not supported");
  }
  if (spec.has_fresh_namespace(NamespaceType::time)) {
    return Error(Errc::unsupported, "time namespaces are not supported");
  }
  if (!spec.hostname.empty() && spec.find_namespace(NamespaceType::uts) == nullptr) {
    return Error(Errc::invalid, "a host name needs a uts namespace");
  }
  return ok();
}

Result<void> check_sysctls(const RuntimeSpec& spec) {
  for (const auto& [name, value] : spec.linux_config.sysctl) {
    const std::string path = sysctl_path(name);
    if (path.find("..") != std::string::npos) return Error(Errc::invalid, fmt::format("'{}' is no sysctl", name));
    const auto owner = sysctl_namespace(path);
    if (!owner) {
      return Error(Errc::invalid,
                   fmt::format("sysctl '{}' belongs to the whole machine and cannot be set for a container", name));
    }
    if (spec.find_namespace(*owner) == nullptr) {
      return Error(Errc::invalid, fmt::format("sysctl '{}' needs a {} namespace; this container uses the host's", name,
                                              namespace_name(*owner)));
    }
    if (path == "kernel/hostname" && !spec.hostname.empty() && spec.hostname != value) {
      return Error(Errc::invalid, fmt::format("sysctl 'kernel.hostname' says '{}', the container's host name is '{}'",
                                              value, spec.hostname));
    }
  }
  return ok();
}

Result<void> check_labels(const SpecProcess& process, const HostFacts& host) {
  if (!process.selinux_label.empty()) return Error(Errc::unsupported, "SELinux labels are not supported");
  if (process.apparmor_profile.empty() || process.apparmor_profile == "unconfined" || host.apparmor) return ok();
  return Error(Errc::unsupported,
               fmt::format("AppArmor profile '{}' cannot be applied: this kernel does not run AppArmor",
                           process.apparmor_profile));
}

void emit_label(const CompileInput& input, ProgramBuilder* out) {
  const std::string& profile = input.process.apparmor_profile;
  if (profile.empty() || profile == "unconfined") return;
  out->act(fmt::format("ask for the AppArmor profile '{}'", profile));
  const int16_t proc = out->take_register();
  out->add({.kind = ChildOpKind::open_path, .a = proc, .text = out->text("/proc"), .x = O_PATH | O_DIRECTORY});
  out->add({.kind = ChildOpKind::write_file,
            .b = proc,
            .text = out->text("self/attr/exec"),
            .more = out->text("exec " + profile)});
  out->close_register(proc);
}

}  // namespace ctr::runtime
