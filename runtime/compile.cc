// The order of the steps, and what forces it:
//
//   1. PDEATHSIG, so that a launcher that dies takes the child along until its program runs.
//   2. Namespaces to join: the user namespace first, since the others ask it for rights. A pid namespace, and whatever
//   is
//      to be owned by a joined or nested user namespace, takes effect for children only: clone again.
//   3. Netlink socket and namespace descriptors are opened before the maps exist: none of it needs an id.
//   4. Go. Only with maps written is there an id to become; files made before would belong to nobody.
//   5. Become root in there. Supplementary groups stay until 12: they may be what opens a bind source.
//   6. Mounts no longer propagate out, the root file system is mounted. Fresh proc and sysfs demand that a fully
//   visible
//      one is still in sight, so that all mounts come before the pivot (mount_too_revealing in fs/namespace.c).
//   7. The cgroup namespace's root is the cgroup of the moment: unshare after clone3 has put us into it.
//   8. Mounts in the order of the specification, then devices on the fresh /dev, then the terminal on the fresh devpts.
//   9. Writes to procfs before its parts become read-only and masked; masks last, they must not be covered.
//  10. Root read-only, pivot; nothing of the host has a path from here on.
//  11. Ready; wait for the second go.
//  12. Not dumpable, limits (a low RLIMIT_NOFILE would break the steps above), session, streams, privileges; then
//  execve. A container that is created first and started later waits (11) behind these, so that what fails in them
//  fails the creation; only the filter, which may forbid the wait, and execve are left.
#include "runtime/compile.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mount.h>

#include "runtime/compile_parts.h"

namespace ctr::runtime {
namespace {

// Namespaces that are joined in this order: rights in the later ones follow from the user namespace.
constexpr NamespaceType k_join_order[] = {NamespaceType::user,    NamespaceType::ipc,  NamespaceType::uts,
                                          NamespaceType::network, NamespaceType::pid,  NamespaceType::cgroup,
                                          NamespaceType::time,    NamespaceType::mount};

uint64_t fresh_flags(const RuntimeSpec& spec) {
  uint64_t flags = 0;
  for (const SpecNamespace& entry : spec.linux_config.namespaces) {
    // The cgroup namespace is unshared later: see 7.
    if (entry.path.empty() && entry.type != NamespaceType::cgroup) flags |= namespace_flag(entry.type);
  }
  return flags;
}

bool joins_any(const RuntimeSpec& spec) {
  for (const SpecNamespace& entry : spec.linux_config.namespaces) {
    if (!entry.path.empty()) return true;
  }
  return false;
}

bool joins_before_clone(const RuntimeSpec& spec) {
  const auto joins = [&](NamespaceType type) {
    const SpecNamespace* entry = spec.find_namespace(type);
    return entry != nullptr && !entry->path.empty();
  };
  return joins(NamespaceType::user) || joins(NamespaceType::pid);
}

void emit_joins(const RuntimeSpec& spec, ProgramBuilder* out) {
  for (const NamespaceType type : k_join_order) {
    const SpecNamespace* entry = spec.find_namespace(type);
    if (entry == nullptr || entry->path.empty()) continue;
    out->act(fmt::format("join {} namespace '{}'", namespace_name(type), entry->path));
    const int16_t file = out->take_register();
    out->add({.kind = ChildOpKind::open_path, .a = file, .text = out->text(entry->path), .x = O_RDONLY});
    out->add({.kind = ChildOpKind::set_namespace, .a = file, .x = namespace_flag(type)});
    out->close_register(file);
  }
}

void emit_wait(std::string words, ProgramBuilder* out) {
  out->act(std::move(words));
  out->add({.kind = ChildOpKind::wait_go});
}

void emit_become_root(ProgramBuilder* out) {
  out->act("become root of the user namespace");
  out->add({.kind = ChildOpKind::set_group, .x = 0});
  out->add({.kind = ChildOpKind::set_user, .x = 0});
  // A change of user clears it.
  out->add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
}

// What the launcher needs to configure the network from outside.
void emit_hand_over(const RuntimeSpec& spec, ProgramBuilder* out) {
  if (!spec.has_fresh_namespace(NamespaceType::network)) return;
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

std::string map_file(const std::vector<IdRange>& ranges) {
  std::string out;
  for (const IdRange& range : ranges) out += fmt::format("{} {} {}\n", range.inside, range.outside, range.size);
  return out;
}

// The first process of a container whose root is a FUSE file system: in the outer user namespace the server runs with
// the map the layers were unpacked under; the container's user namespace is nested in it, so that it may use the mount
// (fuse_allow_current_process in fs/fuse/dir.c).
Result<void> emit_outer_namespace(const CompileInput& input, const RootfsPlan& rootfs, ProgramBuilder* out) {
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
  out->act("clone the container's first process");
  const IdMap nested = TRY(nest_map(input.spec.linux_config.ids, outer));
  out->add({.kind = ChildOpKind::clone_child,
            .text = out->text(map_file(nested.uids)),
            .more = out->text(map_file(nested.gids)),
            .x = fresh_flags(input.spec),
            .z = uint64_t{1} + out->text(rootfs.mount_point)});
  return ok();
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
  emit_label(input, out);
  if (rootfs.kind == RootfsPlan::Kind::fuse && input.user_namespace) {
    TRY(emit_outer_namespace(input, rootfs, out));
  } else if (joins_before_clone(input.spec)) {
    emit_joins(input.spec, out);
    program.clones_again = true;
    out->act("clone the container's first process");
    out->add({.kind = ChildOpKind::clone_child, .x = fresh_flags(input.spec)});
  } else {
    program.clone_flags = fresh_flags(input.spec);
    if (input.spec.has_fresh_namespace(NamespaceType::user)) program.first_map = input.spec.linux_config.ids;
    emit_joins(input.spec, out);
  }
  emit_hand_over(input.spec, out);
  emit_wait("wait for the id maps", out);
  program.waits_at_start = true;
  if (input.user_namespace) emit_become_root(out);
  return ok();
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

Result<uint64_t> root_propagation(const std::string& name) {
  if (name.empty() || name == "private" || name == "rprivate") return uint64_t{MS_PRIVATE};
  if (name == "slave" || name == "rslave") return uint64_t{MS_SLAVE};
  if (name == "shared" || name == "rshared") return uint64_t{MS_SHARED};
  if (name == "unbindable" || name == "runbindable") return uint64_t{MS_UNBINDABLE};
  return Error(Errc::invalid, fmt::format("rootfsPropagation '{}' is not known", name));
}

Result<void> emit_root_finish(const CompileInput& input, int16_t root, ProgramBuilder* out) {
  // Shared only after the pivot, which refuses a new root that propagates (pivot_root(2)).
  const uint64_t propagation = TRY(root_propagation(input.spec.linux_config.rootfs_propagation));
  const bool shared = propagation == MS_SHARED;
  out->act("make the root private");
  out->add({.kind = ChildOpKind::set_mount, .a = root, .z = shared ? uint64_t{MS_PRIVATE} : propagation});
  if (input.spec.root.readonly) {
    out->act("make the root read-only");
    out->add({.kind = ChildOpKind::set_mount, .a = root, .x = MOUNT_ATTR_RDONLY});
  }
  out->act("pivot to the root");
  out->add({.kind = ChildOpKind::pivot_root, .a = root});
  if (shared) out->add({.kind = ChildOpKind::set_mount, .a = root, .z = propagation});
  return ok();
}

// The init goes where podman has it: scripts look for it there.
constexpr const char* k_init_path = "/run/podman-init";

RuntimeSpec with_init(RuntimeSpec spec, const std::string& program) {
  spec.mounts.push_back({.destination = k_init_path,
                         .type = "bind",
                         .source = program,
                         .options = {"bind", "ro", "nosuid", "nodev", "private"}});
  std::vector<std::string>& args = spec.process->args;
  args.insert(args.begin(), {k_init_path, "--"});
  return spec;
}

Result<ChildProgram> compile_run_as_is(const RuntimeSpec& spec, const RootfsPlan& rootfs, const HostFacts& host,
                                       const CompileOptions& options) {
  TRY(check_namespaces(spec));
  TRY(check_sysctls(spec));
  TRY(check_labels(*spec.process, host));
  const bool user_namespace = spec.find_namespace(NamespaceType::user) != nullptr;
  if (user_namespace && spec.has_fresh_namespace(NamespaceType::user)) TRY(check_map(spec.linux_config.ids));
  const CompileInput input{
      .spec = spec, .process = *spec.process, .host = host, .options = options, .user_namespace = user_namespace};
  ProgramBuilder out;
  const int16_t console = out.take_registers(2);
  CTR_ASSERT(console == k_register_console);

  TRY(emit_first_steps(input, rootfs, &out));
  out.act("stop mounts from propagating");
  out.add({.kind = ChildOpKind::set_propagation, .x = MS_REC | MS_SLAVE});
  const int16_t root = TRY(emit_rootfs(input, rootfs, &out));
  emit_names(spec, &out);
  TRY(emit_mounts(input, root, &out));
  TRY(emit_devices(input, root, &out));
  emit_console(input, root, &out);
  emit_masks(input, root, &out);
  if (options.new_keyring) {
    out.act("start a session keyring");
    out.add({.kind = ChildOpKind::new_session_keyring});
  }
  TRY(emit_root_finish(input, root, &out));
  if (options.start == CompileOptions::Start::at_go)
    emit_wait_ready(input, &out);
  else
    out.act("hide from the container");
  out.add({.kind = ChildOpKind::set_dumpable, .x = 0});
  TRY(emit_process(input, root, &out));
  return out.take();
}

}  // namespace

Result<ChildProgram> compile_run(const RuntimeSpec& spec, const RootfsPlan& rootfs, const HostFacts& host,
                                 const CompileOptions& options) {
  if (!spec.process) return Error(Errc::invalid, "the runtime spec has no process");
  if (options.init_program.empty()) return compile_run_as_is(spec, rootfs, host, options);
  return compile_run_as_is(with_init(spec, options.init_program), rootfs, host, options);
}

Result<ChildProgram> compile_exec(const RuntimeSpec& spec, const SpecProcess& process, const HostFacts& host,
                                  const CompileOptions& options) {
  TRY(check_labels(process, host));
  const bool user_namespace = spec.find_namespace(NamespaceType::user) != nullptr;
  const CompileInput input{
      .spec = spec, .process = process, .host = host, .options = options, .user_namespace = user_namespace};
  ProgramBuilder out;
  const int16_t console = out.take_registers(2);
  CTR_ASSERT(console == k_register_console);

  out.act("end with the launcher");
  out.add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  // The container's processes may look at processes of their user namespace: not at this one.
  out.act("hide from the container");
  out.add({.kind = ChildOpKind::set_dumpable, .x = 0});
  emit_label(input, &out);
  uint64_t flags = 0;
  for (const SpecNamespace& entry : spec.linux_config.namespaces) flags |= namespace_flag(entry.type);
  out.act("join the container's namespaces");
  out.add({.kind = ChildOpKind::set_namespace, .a = k_register_init, .x = flags});
  if (user_namespace) {
    emit_become_root(&out);
    out.add({.kind = ChildOpKind::set_dumpable, .x = 0});
  }
  if ((flags & CLONE_NEWPID) != 0) {
    out.program().clones_again = true;
    out.act("clone into the container's pid namespace");
    out.add({.kind = ChildOpKind::clone_child});
  }
  const int16_t root = out.take_register();
  out.act("open the container's root");
  out.add({.kind = ChildOpKind::open_path, .a = root, .text = out.text("/"), .x = O_PATH | O_DIRECTORY});
  emit_console(input, -1, &out);
  out.act("start a session keyring");
  out.add({.kind = ChildOpKind::new_session_keyring});
  TRY(emit_process(input, root, &out));
  return out.take();
}

}  // namespace ctr::runtime
