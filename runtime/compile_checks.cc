#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/text.h"
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

namespace {

bool wants_profile(const SpecProcess& process) {
  return !process.apparmor_profile.empty() && process.apparmor_profile != "unconfined";
}

}  // namespace

Result<void> check_labels(const CompileInput& input) {
  const std::string& label = input.process.selinux_label;
  const std::string& mount_label = input.spec.linux_config.mount_label;
  if (!input.options.facts.selinux && !(label.empty() && mount_label.empty())) {
    return Error(Errc::unsupported,
                 fmt::format("SELinux label '{}' cannot be applied: this kernel does not run SELinux",
                             printable(label.empty() ? mount_label : label)));
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
