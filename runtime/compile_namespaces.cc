// Namespaces: what is joined, what is fresh, and how many processes it takes; steps 1 to 5 and 7 of compile.cc.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mount.h>

#include "runtime/compile_parts.h"

namespace ctr::runtime {
namespace {

// Namespaces that are joined in this order: rights in the later ones follow from the user namespace. The mount
// namespace is joined when nothing of the host is needed any more: see emit_mount_join.
constexpr NamespaceType k_join_order[] = {NamespaceType::user,    NamespaceType::ipc, NamespaceType::uts,
                                          NamespaceType::network, NamespaceType::pid, NamespaceType::cgroup,
                                          NamespaceType::time};

uint64_t fresh_flags(const RuntimeSpec& spec) {
  uint64_t flags = 0;
  for (const SpecNamespace& entry : spec.linux_config.namespaces) {
    // The cgroup namespace is unshared later: see 7. A time namespace takes in children only, and those after its
    // clocks are set (time_namespaces(7)).
    const bool later = entry.type == NamespaceType::cgroup || entry.type == NamespaceType::time;
    if (entry.path.empty() && !later) flags |= namespace_flag(entry.type);
  }
  return flags;
}

bool joins_any(const RuntimeSpec& spec) {
  for (const SpecNamespace& entry : spec.linux_config.namespaces) {
    if (!entry.path.empty()) return true;
  }
  return false;
}

bool joins(const RuntimeSpec& spec, NamespaceType type) {
  const SpecNamespace* entry = spec.find_namespace(type);
  return entry != nullptr && !entry->path.empty();
}

// True when the process that joins or sets the clocks cannot become the container's: what it does takes effect for
// children only, or takes rights that it no longer has in a user namespace of its own.
bool needs_two_processes(const CompileInput& input, const RootfsPlan& rootfs) {
  const RuntimeSpec& spec = input.spec;
  if (!rootfs.mounts_namespace.empty() || !rootfs.shm_namespace.empty()) return true;
  if (joins(spec, NamespaceType::user) || joins(spec, NamespaceType::pid)) return true;
  if (spec.has_fresh_namespace(NamespaceType::time)) return true;
  return spec.has_fresh_namespace(NamespaceType::user) && joins_any(spec) && input.host.privileged();
}

// What is set in a namespace that was joined must not be the host's own: its path may lead back there.
bool sets_values_of(const RuntimeSpec& spec, NamespaceType type) {
  const bool has_names = !spec.hostname.empty() || !spec.domainname.empty();
  return sets_sysctl_of(spec, type) || (type == NamespaceType::uts && has_names);
}

const char* namespace_file(NamespaceType type) {
  switch (type) {
    case NamespaceType::cgroup:
      return "/proc/self/ns/cgroup";
    case NamespaceType::ipc:
      return "/proc/self/ns/ipc";
    case NamespaceType::mount:
      return "/proc/self/ns/mnt";
    case NamespaceType::network:
      return "/proc/self/ns/net";
    case NamespaceType::pid:
      return "/proc/self/ns/pid";
    case NamespaceType::time:
      return "/proc/self/ns/time";
    case NamespaceType::user:
      return "/proc/self/ns/user";
    case NamespaceType::uts:
      break;
  }
  return "/proc/self/ns/uts";
}

std::string join_words(const SpecNamespace& entry) {
  return fmt::format("join {} namespace '{}'", namespace_name(entry.type), entry.path);
}

// The namespace's file in a register.
int16_t emit_open_join(const RuntimeSpec& spec, const SpecNamespace& entry, ProgramBuilder* out) {
  out->act(join_words(entry));
  const int16_t file = out->take_register();
  out->add({.kind = ChildOpKind::open_path, .a = file, .text = out->text(entry.path), .x = O_RDONLY});
  if (sets_values_of(spec, entry.type)) {
    out->act(
        fmt::format("set values of {} namespace '{}', which is the host's", namespace_name(entry.type), entry.path));
    out->add({.kind = ChildOpKind::check_other, .a = file, .text = out->text(namespace_file(entry.type))});
  }
  return file;
}

void emit_enter(const SpecNamespace& entry, int16_t file, ProgramBuilder* out) {
  out->act(join_words(entry));
  out->add({.kind = ChildOpKind::set_namespace, .a = file, .x = namespace_flag(entry.type)});
  out->close_register(file);
}

void emit_join(const RuntimeSpec& spec, const SpecNamespace& entry, ProgramBuilder* out) {
  emit_enter(entry, emit_open_join(spec, entry, out), out);
}

// The files of the namespaces that are joined, in the order in which they are: in a user namespace that is joined, the
// descriptors of processes outside are out of reach.
std::vector<std::pair<NamespaceType, int16_t>> emit_open_joins(const RuntimeSpec& spec, ProgramBuilder* out) {
  std::vector<std::pair<NamespaceType, int16_t>> files;
  for (const NamespaceType type : k_join_order) {
    if (joins(spec, type)) files.emplace_back(type, emit_open_join(spec, *spec.find_namespace(type), out));
  }
  return files;
}

void emit_joins(const RuntimeSpec& spec, ProgramBuilder* out) {
  if (joins(spec, NamespaceType::user)) {
    for (const auto& [type, file] : emit_open_joins(spec, out)) emit_enter(*spec.find_namespace(type), file, out);
    return;
  }
  for (const NamespaceType type : k_join_order) {
    if (joins(spec, type)) emit_join(spec, *spec.find_namespace(type), out);
  }
}

// What the container sees of the host's mounts are those of that namespace, which is joined before one of the
// container's own is made from it.
int16_t emit_open_mounts(const RootfsPlan& rootfs, ProgramBuilder* out) {
  if (rootfs.mounts_namespace.empty()) return -1;
  out->act(fmt::format("begin from the mounts of '{}'", rootfs.mounts_namespace));
  const int16_t file = out->take_register();
  out->add({.kind = ChildOpKind::open_path, .a = file, .text = out->text(rootfs.mounts_namespace), .x = O_RDONLY});
  return file;
}

void emit_enter_mounts(const RootfsPlan& rootfs, int16_t file, ProgramBuilder* out) {
  if (file < 0) return;
  out->act(fmt::format("begin from the mounts of '{}'", rootfs.mounts_namespace));
  out->add({.kind = ChildOpKind::set_namespace, .a = file, .x = CLONE_NEWNS});
  out->close_register(file);
}

int16_t emit_open(std::string_view path, uint64_t flags, ProgramBuilder* out) {
  const int16_t file = out->take_register();
  out->add({.kind = ChildOpKind::open_path, .a = file, .text = out->text(path), .x = flags});
  return file;
}

int16_t emit_open_shm(const RootfsPlan& rootfs, ProgramBuilder* out) {
  if (rootfs.shm_namespace.empty()) return -1;
  out->act(fmt::format("share /dev/shm of '{}'", rootfs.shm_namespace));
  return emit_open(rootfs.shm_namespace, O_RDONLY, out);
}

enum class Mounts { of_host, own };
// The mount is copied where it is, and attached in a mount namespace of our own, which the container's is made from.
void emit_share_shm(const RootfsPlan& rootfs, int16_t file, Mounts mounts, ProgramBuilder* out) {
  if (file < 0) return;
  out->act(fmt::format("share /dev/shm of '{}'", rootfs.shm_namespace));
  if (mounts == Mounts::of_host) {
    out->add({.kind = ChildOpKind::unshare, .x = CLONE_NEWNS});
    out->add({.kind = ChildOpKind::set_propagation, .x = MS_REC | MS_SLAVE});
  }
  const int16_t own = emit_open(namespace_file(NamespaceType::mount), O_RDONLY, out);
  out->add({.kind = ChildOpKind::set_namespace, .a = file, .x = CLONE_NEWNS});
  const int16_t source = emit_open("/dev/shm", O_PATH | O_DIRECTORY | O_NOFOLLOW, out);
  const int16_t mount = out->take_register();
  out->add({.kind = ChildOpKind::clone_tree, .a = mount, .b = source});
  out->add({.kind = ChildOpKind::set_namespace, .a = own, .x = CLONE_NEWNS});
  const int16_t place = emit_open(rootfs.shm_place, O_PATH | O_DIRECTORY, out);
  out->add({.kind = ChildOpKind::attach_mount, .a = mount, .b = place});
  for (const int16_t used : {file, own, source, mount, place}) out->close_register(used);
}

void emit_wait(std::string words, ProgramBuilder* out) {
  out->act(std::move(words));
  out->add({.kind = ChildOpKind::wait_go});
}

// What the launcher needs to configure the network from outside.
void emit_hand_over(const RuntimeSpec& spec, ProgramBuilder* out) {
  if (!spec.has_fresh_namespace(NamespaceType::network) && spec.linux_config.net_devices.empty()) return;
  out->act("hand the network namespace to the launcher");
  const int16_t first = out->take_registers(3);
  const auto network = static_cast<int16_t>(first + 1);
  const auto user = static_cast<int16_t>(first + 2);
  out->add({.kind = ChildOpKind::open_netlink, .a = first});
  out->add({.kind = ChildOpKind::open_path, .a = network, .text = out->text("/proc/self/ns/net"), .x = O_RDONLY});
  out->add({.kind = ChildOpKind::open_path, .a = user, .text = out->text("/proc/self/ns/user"), .x = O_RDONLY});
  out->add({.kind = ChildOpKind::send_fds, .a = first, .x = 3, .y = k_tag_namespaces});
  for (int i = 0; i < 3; ++i) out->close_register(static_cast<int16_t>(first + i));
  out->program().hands_over_namespaces = true;
}

std::string clock_line(const char* clock, const std::optional<SpecTimeOffset>& offset) {
  return offset ? fmt::format("{} {} {}\n", clock, offset->secs, offset->nanosecs) : std::string();
}

void emit_time_namespace(const RuntimeSpec& spec, ProgramBuilder* out) {
  if (!spec.has_fresh_namespace(NamespaceType::time)) return;
  out->act("make a time namespace");
  out->add({.kind = ChildOpKind::unshare, .x = CLONE_NEWTIME});
  const SpecTimeOffsets& offsets = spec.linux_config.time_offsets;
  if (offsets.empty()) return;
  out->act("set the clocks of the time namespace");
  const int16_t proc = out->take_register();
  out->add({.kind = ChildOpKind::open_path, .a = proc, .text = out->text("/proc"), .x = O_PATH | O_DIRECTORY});
  out->add({.kind = ChildOpKind::write_file,
            .b = proc,
            .text = out->text("self/timens_offsets"),
            .more = out->text(clock_line("monotonic", offsets.monotonic) + clock_line("boottime", offsets.boottime))});
  out->close_register(proc);
}

// The same where the container's user namespace is another container's: so is the one around it.
Result<void> emit_joined_outer_namespace(const CompileInput& input, const RootfsPlan& rootfs, ProgramBuilder* out) {
  if (rootfs.outer_namespace.empty()) {
    return Error(Errc::unsupported, "a root served by fuse-overlayfs needs the user namespace around the joined one");
  }
  out->program().clones_again = true;
  out->act(fmt::format("join the user namespace around '{}'", input.spec.find_namespace(NamespaceType::user)->path));
  const int16_t file = out->take_register();
  out->add({.kind = ChildOpKind::open_path, .a = file, .text = out->text(rootfs.outer_namespace), .x = O_RDONLY});
  // What is joined later is opened while the paths lead there.
  const auto files = emit_open_joins(input.spec, out);
  const int16_t mounts = emit_open_mounts(rootfs, out);
  const int16_t shm = emit_open_shm(rootfs, out);
  out->act(fmt::format("join the user namespace around '{}'", input.spec.find_namespace(NamespaceType::user)->path));
  out->add({.kind = ChildOpKind::set_namespace, .a = file, .x = CLONE_NEWUSER});
  out->close_register(file);
  emit_become_root(out);
  emit_enter_mounts(rootfs, mounts, out);
  out->act("make a mount namespace");
  out->add({.kind = ChildOpKind::unshare, .x = CLONE_NEWNS});
  out->act("stop mounts from propagating");
  out->add({.kind = ChildOpKind::set_propagation, .x = MS_REC | MS_SLAVE});
  emit_share_shm(rootfs, shm, Mounts::own, out);
  TRY(emit_fuse(input, rootfs, out));
  for (const auto& [type, joined] : files) emit_enter(*input.spec.find_namespace(type), joined, out);
  emit_time_namespace(input.spec, out);
  out->act("clone the container's first process");
  out->add({.kind = ChildOpKind::clone_child,
            .x = fresh_flags(input.spec),
            .z = uint64_t{1} + out->text(rootfs.mount_point)});
  out->add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  out->program().joined_map = input.spec.linux_config.ids;
  return ok();
}

// The first process of a container whose root is a FUSE file system: in the outer user namespace the server runs with
// the map the layers were unpacked under; the container's user namespace is nested in it, so that it may use the mount
// (fuse_allow_current_process in fs/fuse/dir.c).
Result<void> emit_outer_namespace(const CompileInput& input, const RootfsPlan& rootfs, ProgramBuilder* out) {
  if (joins(input.spec, NamespaceType::user)) return emit_joined_outer_namespace(input, rootfs, out);
  const IdMap outer = input.host.default_map();
  ChildProgram& program = out->program();
  program.clone_flags = CLONE_NEWUSER | CLONE_NEWNS;
  program.first_map = outer;
  program.clones_again = true;
  emit_wait("wait for the outer id maps", out);
  emit_become_root(out);
  out->act("stop mounts from propagating");
  out->add({.kind = ChildOpKind::set_propagation, .x = MS_REC | MS_SLAVE});
  TRY(emit_fuse(input, rootfs, out));
  emit_time_namespace(input.spec, out);
  out->act("clone the container's first process");
  const IdMap nested = TRY(nest_map(input.spec.linux_config.ids, outer));
  out->add({.kind = ChildOpKind::clone_child,
            .text = out->text(map_file(nested.uids)),
            .more = out->text(map_file(nested.gids)),
            .x = fresh_flags(input.spec),
            .z = uint64_t{1} + out->text(rootfs.mount_point)});
  return ok();
}

// A first process joins and sets the clocks, and clones the container's.
void emit_two_processes(const CompileInput& input, const RootfsPlan& rootfs, ProgramBuilder* out) {
  const RuntimeSpec& spec = input.spec;
  ChildProgram& program = out->program();
  program.clones_again = true;
  uint64_t flags = fresh_flags(spec);
  if (spec.has_fresh_namespace(NamespaceType::user) && !joins_any(spec)) {
    // Whose clocks may be set is a matter of the user namespace that the time namespace belongs to.
    program.clone_flags = CLONE_NEWUSER;
    program.first_map = spec.linux_config.ids;
    flags &= ~uint64_t{CLONE_NEWUSER};
    emit_wait("wait for the id maps", out);
    emit_become_root(out);
  }
  const int16_t mounts = emit_open_mounts(rootfs, out);
  const int16_t shm = emit_open_shm(rootfs, out);
  emit_joins(spec, out);
  emit_enter_mounts(rootfs, mounts, out);
  emit_share_shm(rootfs, shm, Mounts::of_host, out);
  emit_time_namespace(spec, out);
  out->act("clone the container's first process");
  ChildOp clone{.kind = ChildOpKind::clone_child, .x = flags};
  if ((flags & CLONE_NEWUSER) != 0) {
    clone.text = out->text(map_file(spec.linux_config.ids.uids));
    clone.more = out->text(map_file(spec.linux_config.ids.gids));
  }
  out->add(clone);
  out->add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  if (joins(spec, NamespaceType::user)) program.joined_map = spec.linux_config.ids;
}

}  // namespace

std::string map_file(const std::vector<IdRange>& ranges) {
  std::string out;
  for (const IdRange& range : ranges) out += fmt::format("{} {} {}\n", range.inside, range.outside, range.size);
  return out;
}

void emit_become_root(ProgramBuilder* out) {
  out->act("become root of the user namespace");
  out->add({.kind = ChildOpKind::set_group, .x = 0});
  out->add({.kind = ChildOpKind::set_user, .x = 0});
  // A change of user clears it.
  out->add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
}

Result<void> emit_first_steps(const CompileInput& input, const RootfsPlan& rootfs, ProgramBuilder* out) {
  ChildProgram& program = out->program();
  out->act("end with the launcher");
  out->add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  // Processes that are in there already must not look into us. Of a process that is not dumpable newuidmap cannot write
  // the maps; but with a fresh user namespace there is no right to join others' namespaces either.
  if (joins_any(input.spec) && !input.spec.has_fresh_namespace(NamespaceType::user)) {
    out->add({.kind = ChildOpKind::set_dumpable, .x = 0});
  }
  emit_host_proc_writes(input, out);
  if (rootfs.kind == RootfsPlan::Kind::fuse && input.user_namespace) {
    TRY(emit_outer_namespace(input, rootfs, out));
  } else if (needs_two_processes(input, rootfs)) {
    emit_two_processes(input, rootfs, out);
  } else {
    program.clone_flags = fresh_flags(input.spec);
    if (input.spec.has_fresh_namespace(NamespaceType::user)) program.first_map = input.spec.linux_config.ids;
    emit_joins(input.spec, out);
  }
  const auto& devices = input.spec.linux_config.net_devices;
  if (input.options.unattended && !input.user_namespace && !needs_two_processes(input, rootfs) && devices.empty())
    return ok();
  emit_hand_over(input.spec, out);
  program.net_devices = devices;
  emit_wait("wait for the id maps", out);
  program.waits_at_start = true;
  if (!input.user_namespace) return ok();
  TRY(emit_sources_ahead(input, out));
  emit_root_ahead(input, rootfs, out);
  emit_become_root(out);
  return ok();
}

std::vector<NamespaceType> namespace_order(const RuntimeSpec& spec) {
  std::vector<NamespaceType> order;
  for (const NamespaceType type : k_join_order) {
    if (spec.find_namespace(type) != nullptr) order.push_back(type);
  }
  if (spec.find_namespace(NamespaceType::mount) != nullptr) order.push_back(NamespaceType::mount);
  return order;
}

void emit_open_namespaces(const CompileInput& input, ProgramBuilder* out) {
  if (input.options.start != CompileOptions::Start::by_socket) return;
  out->act("open the container's namespaces");
  for (const NamespaceType type : namespace_order(input.spec)) {
    const int16_t file = out->take_register();
    // A mount namespace is entered later than the host's /proc is out of sight.
    const bool is_path = type == NamespaceType::mount && joins(input.spec, type);
    const std::string path = is_path ? input.spec.find_namespace(type)->path : namespace_file(type);
    out->add({.kind = ChildOpKind::open_path, .a = file, .text = out->text(path), .x = O_RDONLY});
    out->program().namespace_registers.push_back(file);
  }
}

void emit_join_container(const CompileInput& input, ProgramBuilder* out) {
  out->act("join the container's namespaces");
  const std::vector<NamespaceType> order = namespace_order(input.spec);
  if (!input.options.by_namespaces) {
    uint64_t flags = 0;
    for (const NamespaceType type : order) flags |= namespace_flag(type);
    out->add({.kind = ChildOpKind::set_namespace, .a = k_register_init, .x = flags});
    return;
  }
  for (const NamespaceType type : order) {
    const int16_t file = out->take_register();
    out->add({.kind = ChildOpKind::set_namespace, .a = file, .x = namespace_flag(type)});
    out->program().namespace_registers.push_back(file);
  }
}

void emit_mount_join(const RuntimeSpec& spec, ProgramBuilder* out) {
  emit_join(spec, *spec.find_namespace(NamespaceType::mount), out);
}

void emit_names(const RuntimeSpec& spec, ProgramBuilder* out) {
  if (spec.has_fresh_namespace(NamespaceType::cgroup)) {
    out->act("enter a cgroup namespace");
    out->add({.kind = ChildOpKind::unshare, .x = CLONE_NEWCGROUP});
  }
  if (!spec.hostname.empty()) {
    out->act(fmt::format("set the host name to '{}'", spec.hostname));
    out->add({.kind = ChildOpKind::set_hostname, .text = out->text(spec.hostname)});
  }
  if (!spec.domainname.empty()) {
    out->act(fmt::format("set the domain name to '{}'", spec.domainname));
    out->add({.kind = ChildOpKind::set_domainname, .text = out->text(spec.domainname)});
  }
  if (spec.has_fresh_namespace(NamespaceType::network)) {
    out->act("bring the loopback interface up");
    out->add({.kind = ChildOpKind::loopback_up});
  }
}

}  // namespace ctr::runtime
