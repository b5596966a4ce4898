#include "cli/spec_security.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/parse.h"
#include "base/text.h"
#include "cli/network_args.h"
#include "cli/userns_args.h"
#include "engine/ulimit_words.h"

namespace ctr::cli {
namespace {

using engine::ContainerSpec;
using engine::NamespaceChoice;

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }
Error unsupported(std::string text) { return Error(Errc::unsupported, std::move(text)); }

// Source: capabilities(7), Linux 6.1.
constexpr std::array<std::string_view, 41> k_capabilities = {"AUDIT_CONTROL",   "AUDIT_READ",   "AUDIT_WRITE",
                                                             "BLOCK_SUSPEND",   "BPF",          "CHECKPOINT_RESTORE",
                                                             "CHOWN",           "DAC_OVERRIDE", "DAC_READ_SEARCH",
                                                             "FOWNER",          "FSETID",       "IPC_LOCK",
                                                             "IPC_OWNER",       "KILL",         "LEASE",
                                                             "LINUX_IMMUTABLE", "MAC_ADMIN",    "MAC_OVERRIDE",
                                                             "MKNOD",           "NET_ADMIN",    "NET_BIND_SERVICE",
                                                             "NET_BROADCAST",   "NET_RAW",      "PERFMON",
                                                             "SETFCAP",         "SETGID",       "SETPCAP",
                                                             "SETUID",          "SYSLOG",       "SYS_ADMIN",
                                                             "SYS_BOOT",        "SYS_CHROOT",   "SYS_MODULE",
                                                             "SYS_NICE",        "SYS_PACCT",    "SYS_PTRACE",
                                                             "SYS_RAWIO",       "SYS_RESOURCE", "SYS_TIME",
                                                             "SYS_TTY_CONFIG",  "WAKE_ALARM"};

Result<void> add_capabilities(const std::vector<std::string>& texts, std::vector<std::string>& out) {
  for (const auto& text : texts) {
    for (const auto& word : split(text, ',')) {
      std::string name = to_upper(trim(word));
      if (name == "ALL") {
        out.push_back(name);
        continue;
      }
      if (name.starts_with("CAP_")) name.erase(0, 4);
      if (std::find(k_capabilities.begin(), k_capabilities.end(), name) == k_capabilities.end()) {
        return wrong(fmt::format("unknown capability '{}'", printable(word)))
            .with_hint("capabilities(7) lists them, such as NET_ADMIN; ALL is all of them");
      }
      out.push_back("CAP_" + name);
    }
  }
  return ok();
}

void add_paths(std::string_view text, std::vector<std::string>& out) {
  for (auto& path : split(text, ':')) {
    if (!path.empty()) out.push_back(std::move(path));
  }
}

Result<void> add_label(std::string_view value, ContainerSpec& spec) {
  if (value != "disable" && value != "nested") {
    return unsupported(fmt::format("--security-opt label={}: ctr does not label with SELinux", printable(value)));
  }
  spec.security.label_disable = true;
  return ok();
}

Result<void> add_security_opt(const std::string& text, ContainerSpec& spec) {
  auto& security = spec.security;
  if (text == "no-new-privileges") return security.no_new_privileges = true, ok();
  size_t mark = text.find('=');
  if (mark == std::string::npos) mark = text.find(':');
  if (mark == std::string::npos) return wrong(fmt::format("invalid --security-opt: \"{}\"", printable(text)));
  const std::string key = text.substr(0, mark);
  const std::string value = text.substr(mark + 1);
  if (key == "no-new-privileges") {
    security.no_new_privileges = TRY(parse_bool(value, "--security-opt no-new-privileges"));
  } else if (key == "seccomp") {
    if (value.empty()) return wrong("--security-opt seccomp= needs a path or unconfined");
    security.seccomp_profile = value;
  } else if (key == "apparmor") {
    security.apparmor_profile = value;
  } else if (key == "label") {
    return add_label(value, spec);
  } else if (key == "mask") {
    add_paths(value, security.mask);
  } else if (key == "unmask") {
    add_paths(to_upper(value) == "ALL" ? "ALL" : value, security.unmask);
  } else if (key == "systempaths" && value == "unconfined") {
    security.unmask.emplace_back("ALL");
  } else if (key == "proc-opts") {
    for (auto& word : split(value, ',')) {
      if (!word.empty()) security.proc_options.push_back(std::move(word));
    }
    if (security.proc_options.empty()) return wrong("--security-opt proc-opts= needs options of a mount of proc");
  } else if (key == "credential") {
    return unsupported("--security-opt credential: is of Windows");
  } else {
    return wrong(fmt::format("invalid --security-opt: \"{}\"", printable(text)));
  }
  return ok();
}

Result<NamespaceChoice> namespace_choice(const std::string& option, const std::string& text, bool shareable) {
  using Mode = NamespaceChoice::Mode;
  if (text.empty()) return NamespaceChoice{};
  if (text == "private") return NamespaceChoice{Mode::private_, ""};
  if (text == "host") return NamespaceChoice{Mode::host, ""};
  if (shareable && text == "shareable") return NamespaceChoice{Mode::shareable, ""};
  if (shareable && text == "none") return NamespaceChoice{Mode::none, ""};
  const auto named = split_once(text, ':');
  if (named && !named->second.empty()) {
    if (named->first == "container") return NamespaceChoice{Mode::container, named->second};
    if (named->first == "ns") return NamespaceChoice{Mode::path, named->second};
  }
  return wrong(fmt::format("invalid value '{}' for --{}: must be private, host, container:NAME or ns:PATH",
                           printable(text), option));
}

}  // namespace

Result<void> add_security(const Args& args, const engine::Config& config, ContainerSpec& spec) {
  auto& security = spec.security;
  security.privileged = args.flag("privileged", config.privileged);
  if (!config.label) security.label_disable = true;
  TRY(add_capabilities(args.list("cap-add"), security.cap_add));
  TRY(add_capabilities(args.list("cap-drop"), security.cap_drop));
  for (const auto& text : args.list("security-opt")) TRY(add_security_opt(text, spec));
  const std::string policy = args.text("seccomp-policy", "default");
  if (policy != "default" && policy != "image") {
    return wrong(
        fmt::format("invalid seccomp policy \"{}\": valid policies are [\"default\" \"image\"]", printable(policy)));
  }
  security.seccomp_of_image = policy == "image";
  for (const auto& text : args.list("ulimit")) {
    // The limits of the caller, which a process inherits where none are set.
    if (text == "host" && args.list("ulimit").size() > 1) return wrong("--ulimit host stands alone");
    spec.ulimits.push_back(text == "host" ? engine::UlimitSpec{text, 0, 0} : TRY(engine::parse_ulimit(text)));
  }
  for (const auto& text : args.list("sysctl")) {
    const auto pair = split_once(text, '=');
    if (!pair || pair->first.empty()) {
      return wrong(fmt::format("'{}' is not a sysctl: must be NAME=VALUE", printable(text)));
    }
    spec.sysctls[pair->first] = pair->second;
  }
  return ok();
}

Result<void> add_namespaces(const Args& args, const engine::Config& config, ContainerSpec& spec) {
  TRY(add_networks(args, config, spec));
  spec.pid = TRY(namespace_choice("pid", args.text("pid", config.pidns), false));
  if (spec.pid.mode == NamespaceChoice::Mode::host && !spec.security.proc_options.empty()) {
    return wrong("--security-opt proc-opts: with --pid host the container is shown the host's /proc as it is");
  }
  spec.ipc = TRY(namespace_choice("ipc", args.text("ipc", config.ipcns), true));
  spec.uts = TRY(namespace_choice("uts", args.text("uts", config.utsns), false));
  using Mode = engine::NamespaceChoice::Mode;
  const bool own_name = spec.uts.mode == Mode::automatic || spec.uts.mode == Mode::private_;
  if (!own_name && !spec.hostname.empty()) {
    return wrong("cannot set hostname when running in the host UTS namespace");
  }
  spec.cgroup = TRY(namespace_choice("cgroupns", args.text("cgroupns", config.cgroupns), false));
  if (spec.cgroup.mode == Mode::container) {
    return unsupported("--cgroupns container: would show the container the cgroups of another one, and not its own");
  }
  spec.cgroups = args.text("cgroups", config.cgroups);
  spec.cgroup_parent = args.text("cgroup-parent");
  spec.userns = TRY(userns_choice(args, config));
  return ok();
}

}  // namespace ctr::cli
