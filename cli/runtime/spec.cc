#include "runtime/spec.h"

#include <unistd.h>

#include <array>

#include "base/file.h"
#include "base/paths.h"
#include "cli/runtime/common.h"

namespace ctr::cli::runtime {
namespace {

using ctr::runtime::NamespaceType;
using ctr::runtime::RuntimeSpec;

constexpr std::array k_options = {
    value("bundle", 'b', "DIR", "Where config.json is written; default: the working directory"),
    flag("rootless", 0, "For who is not root: a user namespace with the caller as its root"),
};

RuntimeSpec example(const std::string& name) {
  RuntimeSpec spec;
  spec.oci_version = "1.3.0";
  ctr::runtime::SpecProcess process;
  process.terminal = true;
  process.args = {"sh"};
  process.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
  const std::vector<std::string> capabilities = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  process.capabilities = ctr::runtime::SpecCapabilities{
      .bounding = capabilities, .effective = capabilities, .inheritable = {}, .permitted = capabilities, .ambient = {}};
  process.rlimits = {{.type = "RLIMIT_NOFILE", .soft = 1024, .hard = 1024}};
  process.no_new_privileges = true;
  spec.process = std::move(process);
  spec.root = {.path = "rootfs", .readonly = true};
  spec.hostname = name;
  spec.mounts = {
      {.destination = "/proc", .type = "proc", .source = "proc", .options = {}},
      {.destination = "/dev",
       .type = "tmpfs",
       .source = "tmpfs",
       .options = {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {.destination = "/dev/pts",
       .type = "devpts",
       .source = "devpts",
       .options = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
      {.destination = "/dev/shm",
       .type = "tmpfs",
       .source = "shm",
       .options = {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
      {.destination = "/dev/mqueue", .type = "mqueue", .source = "mqueue", .options = {"nosuid", "noexec", "nodev"}},
      {.destination = "/sys", .type = "sysfs", .source = "sysfs", .options = {"nosuid", "noexec", "nodev", "ro"}},
      {.destination = "/sys/fs/cgroup",
       .type = "cgroup",
       .source = "cgroup",
       .options = {"nosuid", "noexec", "nodev", "relatime", "ro"}},
  };
  ctr::runtime::SpecLinux& config = spec.linux_config;
  for (const NamespaceType type : {NamespaceType::pid, NamespaceType::network, NamespaceType::ipc, NamespaceType::uts,
                                   NamespaceType::mount, NamespaceType::cgroup}) {
    config.namespaces.push_back({.type = type, .path = {}});
  }
  config.masked_paths = {"/proc/acpi",          "/proc/asound",     "/proc/kcore",       "/proc/keys",
                         "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
                         "/sys/firmware",       "/proc/scsi"};
  config.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return spec;
}

// One id is mapped, so that no group 5 is there; the network is the host's, and with it sysfs.
void make_rootless(RuntimeSpec& spec) {
  auto& namespaces = spec.linux_config.namespaces;
  std::erase_if(namespaces, [](const auto& entry) { return entry.type == NamespaceType::network; });
  namespaces.push_back({.type = NamespaceType::user, .path = {}});
  spec.linux_config.ids.uids = {{.inside = 0, .outside = ::geteuid(), .size = 1}};
  spec.linux_config.ids.gids = {{.inside = 0, .outside = ::getegid(), .size = 1}};
  for (auto& mount : spec.mounts) {
    std::erase_if(mount.options, [](const std::string& option) { return option == "gid=5"; });
    if (mount.destination == "/sys") {
      mount.type = "none";
      mount.source = "/sys";
      mount.options = {"rbind", "nosuid", "noexec", "nodev", "ro"};
    }
    if (mount.destination == "/sys/fs/cgroup") {
      mount.type = "none";
      mount.source = "/sys/fs/cgroup";
      mount.options = {"rbind", "nosuid", "noexec", "nodev", "relatime", "ro"};
    }
  }
}

Result<int> spec(RuntimeContext& context, const RuntimeArgs& args) {
  const std::string& program = context.program;
  RuntimeSpec out = example(program.substr(program.rfind(' ') + 1));
  if (args.flag("rootless")) make_rootless(out);
  const std::string path = TRY(absolute_path(args.text("bundle", "."))) + "/config.json";
  TRY(create_file(path, dump_json(to_json(out), {.indent = 4}) + "\n"));
  return 0;
}

}  // namespace

const RuntimeCommand k_runtime_spec = {.name = "spec",
                                       .usage = "[OPTION]...",
                                       .summary = "Write a configuration to start from to config.json",
                                       .options = k_options,
                                       .most_words = 0,
                                       .run = spec};

}  // namespace ctr::cli::runtime
