#include "engine/spec_gen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "base/text.h"
#include "engine/caps.h"
#include "engine/env.h"
#include "engine/limits.h"
#include "engine/shared_namespaces.h"

namespace ctr::engine {

using runtime::NamespaceType;
using runtime::RuntimeSpec;
using runtime::SpecMount;

namespace {

constexpr auto k_masked_paths =
    std::to_array<const char*>({"/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                                "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
                                "/sys/dev/block", "/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux"});
constexpr auto k_readonly_paths = std::to_array<const char*>(
    {"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"});

// The group tty, which owns terminals on every Linux system.
constexpr uint32_t k_tty_gid = 5;

// How crun is told, too: the groups of the caller stay, as far as the kernel shows them.
constexpr const char* k_keep_groups_annotation = "run.oci.keep_original_groups";

bool keeps_groups(const ContainerSpec& spec) {
  return std::find(spec.groups.begin(), spec.groups.end(), "keep-groups") != spec.groups.end();
}

bool is_host(const NamespaceChoice& choice) { return choice.mode == NamespaceChoice::Mode::host; }

// What stands for a namespace of the pod until a start knows where that is held.
std::string pod_namespace(const SpecInput& input, NamespaceType type) {
  return fmt::format("{}/ns/{}", input.pod_dir, runtime::namespace_name(type));
}

// Where another container keeps its own; likewise a name that a start replaces by what is there then.
std::string container_namespace(const SpecInput& input, const std::string& id, NamespaceType type) {
  const std::string_view bundle = input.bundle;
  return fmt::format("{}/{}/ns/{}", bundle.substr(0, bundle.rfind('/')), id, runtime::namespace_name(type));
}

// A namespace that `choice` asks for; nothing for the host's.
void add_namespace(const SpecInput& input, RuntimeSpec& spec, NamespaceType type, const NamespaceChoice& choice) {
  switch (choice.mode) {
    case NamespaceChoice::Mode::host:
      return;
    case NamespaceChoice::Mode::path:
      spec.linux_config.namespaces.push_back({type, choice.value});
      return;
    case NamespaceChoice::Mode::pod:
      spec.linux_config.namespaces.push_back({type, pod_namespace(input, type)});
      return;
    case NamespaceChoice::Mode::container:
      spec.linux_config.namespaces.push_back({type, container_namespace(input, choice.value, type)});
      return;
    case NamespaceChoice::Mode::automatic:
    case NamespaceChoice::Mode::private_:
    case NamespaceChoice::Mode::none:
    case NamespaceChoice::Mode::shareable:
      spec.linux_config.namespaces.push_back({type, {}});
      return;
  }
}

void set_namespaces(const SpecInput& input, RuntimeSpec& out) {
  const auto& spec = input.spec;
  add_namespace(input, out, NamespaceType::pid, spec.pid);
  switch (spec.network.mode) {
    case NetworkChoice::Mode::private_:
    case NetworkChoice::Mode::none:
    case NetworkChoice::Mode::bridge:
      out.linux_config.namespaces.push_back({NamespaceType::network, {}});
      break;
    case NetworkChoice::Mode::path:
      out.linux_config.namespaces.push_back({NamespaceType::network, spec.network.value});
      break;
    case NetworkChoice::Mode::pod:
      out.linux_config.namespaces.push_back({NamespaceType::network, pod_namespace(input, NamespaceType::network)});
      break;
    case NetworkChoice::Mode::host:
      break;
    case NetworkChoice::Mode::container:
      out.linux_config.namespaces.push_back(
          {NamespaceType::network, container_namespace(input, spec.network.value, NamespaceType::network)});
      break;
  }
  add_namespace(input, out, NamespaceType::ipc, spec.ipc);
  add_namespace(input, out, NamespaceType::uts, spec.uts);
  out.linux_config.namespaces.push_back({NamespaceType::mount, {}});
  add_namespace(input, out, NamespaceType::cgroup, spec.cgroup);
  if (!input.ids.empty()) {
    const bool of_pod = spec.userns.mode == UsernsChoice::Mode::pod;
    out.linux_config.namespaces.push_back(
        {NamespaceType::user, of_pod ? pod_namespace(input, NamespaceType::user) : std::string()});
    out.linux_config.ids = input.ids;
  }
}

bool maps_gid(const SpecInput& input, uint32_t gid) {
  return input.ids.empty() || runtime::to_outside(input.ids.gids, gid).has_value();
}

// The runtime restricts the top of a tree alone, unless it is told otherwise: what the host has mounted below it is to
// be no freer than what was asked for.
runtime::SpecMount restrict_tree(runtime::SpecMount mount) {
  auto& options = mount.options;
  if (std::find(options.begin(), options.end(), "rbind") == options.end()) return mount;
  for (const char* restriction : {"ro", "nosuid", "nodev", "noexec"}) {
    const bool asked = std::find(options.begin(), options.end(), restriction) != options.end();
    if (asked) options.push_back(std::string("r") + restriction);
  }
  return mount;
}

void add_proc(const SpecInput& input, RuntimeSpec& out) {
  if (is_host(input.spec.pid)) {
    out.mounts.push_back(restrict_tree({"/proc", "bind", "/proc", {"rbind", "nosuid", "noexec", "nodev"}}));
  } else {
    std::vector<std::string> options = {"nosuid", "noexec", "nodev"};
    const auto& asked = input.spec.security.proc_options;
    options.insert(options.end(), asked.begin(), asked.end());
    out.mounts.push_back({"/proc", "proc", "proc", std::move(options)});
  }
}

// A privileged caller's container may be in a user namespace that has no rights over the network it joins.
bool joins_network_of_host(const SpecInput& input) {
  const auto mode = input.spec.network.mode;
  const bool joins = mode == NetworkChoice::Mode::container || mode == NetworkChoice::Mode::path;
  return joins && input.host.privileged() && !input.ids.empty();
}

void add_sys(const SpecInput& input, RuntimeSpec& out) {
  const char* access = input.spec.security.privileged ? "rw" : "ro";
  const char* cgroup_access = input.systemd_cgroup ? "rw" : access;
  if (!has_own_network(input.spec) || joins_network_of_host(input)) {
    // The kernel lets a user namespace mount sysfs only with a network namespace of its own.
    out.mounts.push_back(
        restrict_tree({"/sys", "bind", "/sys", {"rbind", "rprivate", "nosuid", "noexec", "nodev", access}}));
  } else {
    out.mounts.push_back({"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", access}});
  }
  const auto mode = input.host.cgroup.mode;
  if (mode == runtime::CgroupMode::v2_delegated || mode == runtime::CgroupMode::v2_not_delegated) {
    out.mounts.push_back(
        {"/sys/fs/cgroup", "cgroup", "cgroup", {"rprivate", "nosuid", "noexec", "nodev", "relatime", cgroup_access}});
  }
}

void add_dev(const SpecInput& input, RuntimeSpec& out) {
  const auto& spec = input.spec;
  const bool frozen = spec.read_only && !spec.read_only_tmpfs;
  std::vector<std::string> dev = {"nosuid", "strictatime", "mode=755", "size=65536k"};
  if (frozen) dev.emplace_back("ro");
  out.mounts.push_back({"/dev", "tmpfs", "tmpfs", std::move(dev)});
  std::vector<std::string> pts = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
  if (maps_gid(input, k_tty_gid)) pts.push_back(fmt::format("gid={}", k_tty_gid));
  out.mounts.push_back({"/dev/pts", "devpts", "devpts", std::move(pts)});
  if (is_host(spec.ipc)) {
    if (input.host_queues) {
      out.mounts.push_back({"/dev/mqueue", "bind", "/dev/mqueue", {"bind", "nosuid", "noexec", "nodev"}});
    }
    out.mounts.push_back({"/dev/shm", "bind", "/dev/shm", {"bind", "nosuid", "noexec", "nodev"}});
    return;
  }
  out.mounts.push_back({"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}});
  if (spec.ipc.mode == NamespaceChoice::Mode::none) return;
  if (spec.ipc.mode == NamespaceChoice::Mode::pod) {
    out.mounts.push_back({"/dev/shm", "bind", input.pod_dir + "/shm", {"bind", "nosuid", "noexec", "nodev"}});
    return;
  }
  if (input.shares_shm) {
    const auto place = input.bundle + "/" + k_shared_shm_dir;
    out.mounts.push_back({"/dev/shm", "bind", place, {"bind", "nosuid", "noexec", "nodev"}});
    return;
  }
  const auto size = spec.shm_size_bytes.value_or(input.config.shm_size_bytes);
  std::vector<std::string> shm = {"nosuid", "noexec", "nodev", "mode=1777", fmt::format("size={}", size)};
  if (frozen) shm.emplace_back("ro");
  out.mounts.push_back({"/dev/shm", "tmpfs", "shm", std::move(shm)});
}

// The files that ctr writes for the container; a mount of the user at the same place wins.
void add_files(const SpecInput& input, RuntimeSpec& out) {
  const auto add = [&](const std::string& destination, const char* name, const std::string& dir) {
    if (input.mounts.covers(destination)) return;
    out.mounts.push_back({destination, "bind", dir + "/" + name, {"bind", "rprivate", "nosuid", "nodev"}});
  };
  // Who shares a network shares the names in it.
  const auto& network_dir = input.network_dir.empty() ? input.bundle : input.network_dir;
  auto roots = input.spec.chroot_dirs;
  roots.insert(roots.begin(), "");
  for (const auto& root : roots) {
    if (input.has_resolv_conf) add(root + "/etc/resolv.conf", "resolv.conf", network_dir);
    if (input.has_hosts) add(root + "/etc/hosts", "hosts", network_dir);
    if (input.has_hostname) add(root + "/etc/hostname", "hostname", input.bundle);
  }
  add("/run/.containerenv", "containerenv", input.bundle);
}

void add_devices(const SpecInput& input, RuntimeSpec& out) {
  const auto bind = [&](const DeviceSpec& device) {
    const bool writable = device.permissions.find('w') != std::string::npos;
    out.mounts.push_back({device.container_path,
                          "bind",
                          device.host_path,
                          {"bind", "rprivate", "nosuid", "noexec", writable ? "rw" : "ro"}});
  };
  for (const auto& device : input.host_devices) bind(device);
  for (const auto& device : input.spec.devices) bind(device);
  for (const auto& device : input.cdi.devices) bind(device);
  for (const auto& mount : input.cdi.mounts) out.mounts.push_back(restrict_tree(mount));
}

// What systemd expects to find empty, or mounts itself where it may. Source: systemd, "The Container Interface".
void add_systemd_mounts(const SpecInput& input, RuntimeSpec& out) {
  for (const char* destination : {"/run", "/run/lock", "/tmp", "/var/log/journal"}) {
    std::vector<std::string> options = {"rw", "rprivate", "nosuid", "nodev", "tmpcopyup"};
    const auto size = input.spec.systemd_shm_bytes.value_or(0);
    if (size > 0) options.push_back(fmt::format("size={}", size));
    out.mounts.push_back({destination, "tmpfs", "tmpfs", std::move(options)});
  }
}

void set_mounts(const SpecInput& input, RuntimeSpec& out) {
  add_proc(input, out);
  add_dev(input, out);
  add_sys(input, out);
  if (input.systemd) add_systemd_mounts(input, out);
  // A tmpfs of the user on /run must come before the file that ctr puts there.
  for (const auto& planned : input.mounts.mounts) {
    std::erase_if(out.mounts, [&](const auto& mount) { return mount.destination == planned.mount.destination; });
    out.mounts.push_back(restrict_tree(planned.mount));
  }
  add_files(input, out);
  add_devices(input, out);
}

void set_paths(const SpecInput& input, RuntimeSpec& out) {
  const auto& security = input.spec.security;
  const auto& unmask = security.unmask;
  const bool unmask_all =
      std::any_of(unmask.begin(), unmask.end(), [](const auto& word) { return to_lower(word) == "all"; });
  const auto is_unmasked = [&](std::string_view path) {
    return std::any_of(unmask.begin(), unmask.end(),
                       [&](const auto& pattern) { return wildcard_match(pattern, path); });
  };
  if (!security.privileged && !unmask_all) {
    for (const auto* path : k_masked_paths) {
      if (!is_unmasked(path)) out.linux_config.masked_paths.emplace_back(path);
    }
    for (const auto* path : k_readonly_paths) {
      if (!is_unmasked(path)) out.linux_config.readonly_paths.emplace_back(path);
    }
  }
  out.linux_config.masked_paths.insert(out.linux_config.masked_paths.end(), security.mask.begin(), security.mask.end());
}

Result<uint64_t> limit_value(int64_t value) {
  if (value < -1) return Error(Errc::invalid, fmt::format("ulimit: {} is not a limit", value));
  return value == -1 ? UINT64_MAX : static_cast<uint64_t>(value);
}

// "nofile=1024:2048" of the configuration.
Result<UlimitSpec> parse_ulimit(std::string_view text) {
  const auto parts = split_once(text, '=');
  if (!parts) return Error(Errc::invalid, fmt::format("invalid ulimit '{}': expected name=soft[:hard]", text));
  const auto values = split_once(parts->second, ':');
  UlimitSpec limit;
  limit.name = to_lower(parts->first);
  limit.soft = TRY(parse_signed(values ? values->first : parts->second, "default_ulimits"));
  limit.hard = values ? TRY(parse_signed(values->second, "default_ulimits")) : limit.soft;
  return limit;
}

Result<runtime::SpecRlimit> rlimit_of(const UlimitSpec& limit) {
  return runtime::SpecRlimit{"RLIMIT_" + to_upper(limit.name), TRY(limit_value(limit.soft)),
                             TRY(limit_value(limit.hard))};
}

// --ulimit, then the configuration, then what a rootless podman gives: as many files and processes as this user may.
Result<void> set_rlimits(const SpecInput& input, runtime::SpecProcess& process) {
  auto limits = input.spec.ulimits;
  for (const auto& text : input.config.default_ulimits) limits.push_back(TRY(parse_ulimit(text)));
  const auto add = [&](const std::string& type, uint64_t soft, uint64_t hard) {
    const bool present = std::any_of(process.rlimits.begin(), process.rlimits.end(),
                                     [&](const auto& limit) { return limit.type == type; });
    if (!present) process.rlimits.push_back({type, soft, hard});
  };
  for (const auto& limit : limits) {
    if (limit.name == "host") return ok();
    const auto rlimit = TRY(rlimit_of(limit));
    add(rlimit.type, rlimit.soft, rlimit.hard);
  }
  add("RLIMIT_NOFILE", input.open_files.hard, input.open_files.hard);
  add("RLIMIT_NPROC", input.processes.hard, input.processes.hard);
  return ok();
}

Result<void> set_process(const SpecInput& input, RuntimeSpec& out) {
  const auto& spec = input.spec;
  runtime::SpecProcess process;
  process.terminal = spec.terminal;
  process.args = TRY(effective_command(spec, input.image)).argv;
  process.env = input.env;
  if (!input.cdi.env.empty()) {
    EnvList env;
    env.set_entries(input.env);
    env.set_entries(input.cdi.env);
    process.env = env.entries();
  }
  const bool has_uuid = std::any_of(process.env.begin(), process.env.end(),
                                    [](const auto& entry) { return entry.starts_with("container_uuid="); });
  if (input.systemd && !has_uuid) process.env.push_back("container_uuid=" + input.container_id.substr(0, 32));
  process.cwd = spec.working_dir.empty() ? input.image.working_dir : spec.working_dir;
  if (process.cwd.empty()) process.cwd = "/";
  if (!process.cwd.starts_with('/')) {
    return Error(Errc::invalid, fmt::format("the working directory \"{}\" is invalid, it needs to be an absolute path",
                                            printable(process.cwd)));
  }
  set_user(process, input.user);
  process.user.umask = spec.umask ? *spec.umask : TRY(parse_mode(input.config.umask, "umask"));
  CapabilityInput capabilities;
  capabilities.defaults = input.config.default_capabilities;
  capabilities.add = spec.security.cap_add;
  capabilities.drop = spec.security.cap_drop;
  capabilities.privileged = spec.security.privileged;
  capabilities.root = input.user.uid == 0;
  process.capabilities = TRY(container_capabilities(capabilities));
  TRY(set_rlimits(input, process));
  process.no_new_privileges = spec.security.no_new_privileges;
  process.oom_score_adj = spec.oom_score_adj;
  if (spec.security.apparmor_profile != "unconfined") process.apparmor_profile = spec.security.apparmor_profile;
  out.process = std::move(process);
  return ok();
}

Result<void> set_sysctls(const SpecInput& input, RuntimeSpec& out) {
  auto& sysctls = out.linux_config.sysctl;
  if (out.has_fresh_namespace(NamespaceType::network)) {
    sysctls["net.ipv4.ping_group_range"] = fmt::format("0 {}", input.ids.last_gid_without_gap());
    sysctls["net.ipv4.ip_unprivileged_port_start"] = "0";
  }
  for (const auto& text : input.config.default_sysctls) {
    const auto parts = split_once(text, '=');
    if (!parts) return Error(Errc::invalid, fmt::format("default_sysctls: '{}' has no '='", printable(text)));
    const bool applies = !parts->first.starts_with("net.") || out.has_fresh_namespace(NamespaceType::network);
    if (applies) sysctls[parts->first] = parts->second;
  }
  for (const auto& [key, value] : input.spec.sysctls) sysctls[key] = value;
  return ok();
}

void set_resources(const SpecInput& input, RuntimeSpec& out) {
  const auto& wanted = input.spec.resources;
  auto resources = runtime_limits(wanted);
  // The default applies where it can; only a limit that was asked for is refused elsewhere.
  if (wanted.pids) {
    if (*wanted.pids <= 0) resources.pids_limit = input.limits_processes ? std::optional<int64_t>(-1) : std::nullopt;
  } else if (input.limits_processes && input.config.pids_limit > 0) {
    resources.pids_limit = input.config.pids_limit;
  }
  resources.devices = input.device_rules;
  if (resources != runtime::SpecResources{}) out.linux_config.resources = std::move(resources);
}

}  // namespace

Result<void> change_rlimits(std::vector<runtime::SpecRlimit>& rlimits, const std::vector<UlimitSpec>& changes) {
  for (const auto& change : changes) {
    auto limit = TRY(rlimit_of(change));
    std::erase_if(rlimits, [&](const auto& other) { return other.type == limit.type; });
    rlimits.push_back(std::move(limit));
  }
  return ok();
}

bool is_systemd(const std::vector<std::string>& command) {
  // What a build makes of a command in shell form.
  const bool by_shell = command.size() > 2 && command[0] == "/bin/sh" && command[1] == "-c";
  const std::string_view program = command.empty() ? std::string_view() : command[by_shell ? 2 : 0];
  constexpr auto k_programs = std::to_array<std::string_view>({"/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init"});
  return std::find(k_programs.begin(), k_programs.end(), program) != k_programs.end() ||
         program.substr(program.rfind('/') + 1) == "systemd";
}

bool has_own_network(const ContainerSpec& spec) { return spec.network.mode != NetworkChoice::Mode::host; }

Result<Command> effective_command(const ContainerSpec& spec, const oci::ImageConfig& image) {
  Command command;
  command.entrypoint = spec.entrypoint.value_or(image.entrypoint);
  std::erase_if(command.entrypoint, [](const auto& word) { return word.empty(); });
  command.argv = command.entrypoint;
  const bool image_arguments = spec.command.empty() && !spec.entrypoint;
  const auto& arguments = image_arguments ? image.cmd : spec.command;
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  if (command.argv.empty()) {
    return Error(Errc::invalid, "no command or entrypoint provided, and no CMD or ENTRYPOINT from image");
  }
  return command;
}

Result<RuntimeSpec> generate_spec(const SpecInput& input) {
  RuntimeSpec out;
  out.root = {"rootfs", input.spec.read_only};
  if (!is_host(input.spec.uts)) {
    // Who shares a host name does not set it.
    using Mode = NamespaceChoice::Mode;
    const bool shares = input.spec.uts.mode == Mode::pod || input.spec.uts.mode == Mode::container;
    out.hostname = shares ? std::string() : input.hostname;
    out.domainname = input.spec.domainname;
  }
  out.annotations = input.spec.annotations;
  if (keeps_groups(input.spec)) out.annotations[k_keep_groups_annotation] = "1";
  set_namespaces(input, out);
  TRY(set_process(input, out));
  set_mounts(input, out);
  set_paths(input, out);
  TRY(set_sysctls(input, out));
  set_resources(input, out);
  out.hooks = input.cdi.hooks;
  out.linux_config.personality = input.spec.personality;
  if (!input.spec.rdt_class.empty()) out.linux_config.intel_rdt.emplace().clos_id = input.spec.rdt_class;
  return out;
}

}  // namespace ctr::engine
