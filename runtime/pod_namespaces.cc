#include "runtime/pod_namespaces.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/file.h"
#include "runtime/compile_parts.h"
#include "runtime/launch_core.h"

namespace ctr::runtime {
namespace {

const char* file_name(NamespaceType type) {
  switch (type) {
    case NamespaceType::user:
      return "user";
    case NamespaceType::ipc:
      return "ipc";
    case NamespaceType::uts:
      return "uts";
    case NamespaceType::network:
      return "net";
    case NamespaceType::pid:
      return "pid";
    default:
      return "mnt";
  }
}

bool has(const PodNamespacesPlan& plan, NamespaceType type) {
  if (type == NamespaceType::user) return !plan.ids.empty();
  if (type == NamespaceType::mount) return !plan.shm_dir.empty() || !plan.memory.empty();
  return std::find(plan.fresh.begin(), plan.fresh.end(), type) != plan.fresh.end();
}

// The plan in the words of a container's specification, for what is checked of one.
RuntimeSpec spec_of(const PodNamespacesPlan& plan) {
  RuntimeSpec spec;
  for (const NamespaceType type : k_pod_namespaces) {
    if (has(plan, type)) spec.linux_config.namespaces.push_back({type, {}});
  }
  spec.linux_config.ids = plan.ids;
  spec.linux_config.sysctl = plan.sysctls;
  return spec;
}

void emit_network(ProgramBuilder* out) {
  out->act("hand the network namespace to the launcher");
  const int16_t first = out->take_registers(3);
  out->add({.kind = ChildOpKind::open_netlink, .a = first});
  int16_t next = first;
  for (const char* file : {"/proc/self/ns/net", "/proc/self/ns/user"}) {
    out->add({.kind = ChildOpKind::open_path, .a = ++next, .text = out->text(file), .x = O_RDONLY});
  }
  out->add({.kind = ChildOpKind::send_fds, .a = first, .x = 3, .y = k_tag_namespaces});
  for (int16_t i = 0; i < 3; ++i) out->close_register(static_cast<int16_t>(first + i));
  out->program().hands_over_namespaces = true;
}

void emit_values(const PodNamespacesPlan& plan, ProgramBuilder* out) {
  if (has(plan, NamespaceType::uts) && !plan.hostname.empty()) {
    out->act(fmt::format("set the host name to '{}'", plan.hostname));
    out->add({.kind = ChildOpKind::set_hostname, .text = out->text(plan.hostname)});
  }
  if (has(plan, NamespaceType::network)) {
    out->act("bring the loopback interface up");
    out->add({.kind = ChildOpKind::loopback_up});
  }
  if (plan.sysctls.empty()) return;
  out->act("open '/proc'");
  const int16_t proc = out->take_register();
  out->add({.kind = ChildOpKind::open_path, .a = proc, .text = out->text("/proc"), .x = O_PATH | O_DIRECTORY});
  for (const auto& [name, value] : plan.sysctls) {
    out->act(fmt::format("set sysctl '{}' to '{}'", name, value));
    out->add({.kind = ChildOpKind::write_file,
              .b = proc,
              .text = out->text("sys/" + sysctl_path(name)),
              .more = out->text(value)});
  }
  out->close_register(proc);
}

// A file system in memory, and the register with the directory that it is for.
struct Memory {
  std::string words;
  std::vector<std::string> options;
  uint64_t attributes = 0;
  int16_t place = -1;
};

// The way to the directories may be one that only the caller may go: they are opened before it becomes somebody else.
std::vector<Memory> emit_open_memories(const PodNamespacesPlan& plan, ProgramBuilder* out) {
  std::vector<Memory> memories;
  const auto open = [&](const std::string& dir, Memory memory) {
    out->act("open the place of " + memory.words);
    memory.place = out->take_register();
    out->add({.kind = ChildOpKind::open_path, .a = memory.place, .text = out->text(dir), .x = O_PATH | O_DIRECTORY});
    memories.push_back(std::move(memory));
  };
  constexpr uint64_t k_attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (!plan.shm_dir.empty()) {
    open(plan.shm_dir,
         {"/dev/shm", {"mode=1777", fmt::format("size={}", plan.shm_bytes)}, k_attributes | MOUNT_ATTR_NOEXEC, -1});
  }
  for (const auto& memory : plan.memory) open(memory.dir, {"a volume in memory", memory.options, k_attributes, -1});
  return memories;
}

void emit_memory(const Memory& memory, ProgramBuilder* out) {
  out->act("mount the file system of " + memory.words);
  const int16_t mount = out->take_register();
  out->add({.kind = ChildOpKind::make_mount,
            .a = mount,
            .text = out->text("tmpfs"),
            .more = out->text_list(memory.options),
            .x = memory.attributes});
  out->add({.kind = ChildOpKind::attach_mount, .a = mount, .b = memory.place});
  out->close_register(mount);
  out->close_register(memory.place);
}

// The namespaces are made by a process in the user namespace around theirs.
Result<void> emit_outer(const PodNamespacesPlan& plan, uint64_t flags, ProgramBuilder* out) {
  ChildProgram& program = out->program();
  program.clone_flags = CLONE_NEWUSER;
  program.first_map = plan.outer;
  program.clones_again = true;
  out->act("wait for the outer id maps");
  out->add({.kind = ChildOpKind::wait_go});
  emit_become_root(out);
  const IdMap nested = TRY(nest_map(plan.ids, plan.outer));
  out->act("make the namespaces of the pod");
  out->add({.kind = ChildOpKind::clone_child,
            .text = out->text(map_file(nested.uids)),
            .more = out->text(map_file(nested.gids)),
            .x = flags});
  out->add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  return ok();
}

// Keeps what the child has, while it may be looked at.
class Collector final : public LaunchObserver {
 public:
  Collector(const PodNamespacesPlan& plan, LaunchObserver& next) : plan_(plan), next_(next) {}

  Result<void> on_created(const CreatedProcess& process) override {
    for (const NamespaceType type : k_pod_namespaces) {
      if (!has(plan_, type)) continue;
      Fd file = TRY(open_path(fmt::format("/proc/{}/ns/{}", process.pid, file_name(type)), O_RDONLY));
      made.files.emplace_back(type, std::move(file));
    }
    return next_.on_created(process);
  }
  Result<void> beside_mounts(const CreatedProcess& process) override { return next_.beside_mounts(process); }
  Result<void> before_exec(const CreatedProcess& process) override { return next_.before_exec(process); }

  PodNamespaces made;

 private:
  const PodNamespacesPlan& plan_;
  LaunchObserver& next_;
};

}  // namespace

int PodNamespaces::find(NamespaceType type) const {
  for (const auto& [present, file] : files) {
    if (present == type) return file.get();
  }
  return -1;
}

Result<ChildProgram> compile_pod(const PodNamespacesPlan& plan) {
  TRY(check_map(plan.ids));
  TRY(check_sysctls(spec_of(plan)));
  if (plan.memory.size() > k_most_pod_memories) {
    return Error(Errc::invalid, fmt::format("a pod can have {} volumes in memory, and {} are asked for",
                                            k_most_pod_memories, plan.memory.size()));
  }
  ProgramBuilder out;
  ChildProgram& program = out.program();
  uint64_t flags = 0;
  for (const NamespaceType type : k_pod_namespaces) {
    if (has(plan, type)) flags |= namespace_flag(type);
  }
  program.waits_at_start = true;
  out.act("end with the launcher");
  out.add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  if (plan.outer.empty()) {
    program.clone_flags = flags;
    program.first_map = plan.ids;
  } else {
    TRY(emit_outer(plan, flags, &out));
  }
  if (has(plan, NamespaceType::network)) emit_network(&out);
  out.act("wait for the id maps");
  out.add({.kind = ChildOpKind::wait_go});
  const auto memories = emit_open_memories(plan, &out);
  if (!plan.ids.empty()) emit_become_root(&out);
  if (!memories.empty()) {
    out.act("stop mounts from propagating");
    out.add({.kind = ChildOpKind::set_propagation, .x = MS_REC | MS_SLAVE});
  }
  for (const auto& memory : memories) emit_memory(memory, &out);
  emit_values(plan, &out);
  out.act("wait for the network");
  out.add({.kind = ChildOpKind::report_ready});
  out.add({.kind = ChildOpKind::wait_go});
  program.waits_before_exec = true;
  if (has(plan, NamespaceType::pid)) {
    // The first process of the pid namespace reaps what its members leave. It executes nothing, and nobody in there may
    // look at it: it has the host's root.
    out.add({.kind = ChildOpKind::set_dumpable, .x = 0});
    emit_stay(Orphans::reaped, &out);
  } else {
    out.add({.kind = ChildOpKind::finish});
  }
  return out.take();
}

Result<PodNamespaces> make_pod_namespaces(const PodNamespacesPlan& plan, const HostFacts& host,
                                          LaunchObserver& observer) {
  Collector collector(plan, observer);
  StartRequest start{.program = TRY(compile_pod(plan)), .host = host};
  start.observer = &collector;
  auto launched = TRY(start_program(std::move(start)).context("make the namespaces of the pod"));
  PodNamespaces made = std::move(collector.made);
  if (has(plan, NamespaceType::pid)) {
    made.init.emplace(std::move(launched.init));
  } else {
    (void)TRY(launched.init.wait());
  }
  return made;
}

}  // namespace ctr::runtime
