// The order of the steps, and what forces it:
//
//   1. PDEATHSIG, so that a launcher that dies takes the child along until its program runs.
//   2. Namespaces to join: the user namespace first, since the others ask it for rights. A pid namespace, and whatever
//   is
//      to be owned by a joined or nested user namespace, takes effect for children only: clone again.
//   3. Netlink socket and namespace descriptors are opened before the maps exist: none of it needs an id.
//   4. Go. Only with maps written is there an id to become; files made before would belong to nobody.
//   5. Become root in there, which may be another user than the caller: what only the caller may reach is opened
//   before.
//      Supplementary groups stay until 12: they may be what opens a bind source.
//   6. Mounts no longer propagate out, the root file system is mounted and edited. Fresh proc and sysfs demand that a
//   fully visible
//      one is still in sight, so that all mounts come before the pivot (mount_too_revealing in fs/namespace.c).
//   7. The cgroup namespace's root is the cgroup of the moment: unshare after clone3 has put us into it.
//   8. Mounts in the order of the specification, then devices on the fresh /dev, secrets wherever a mount has made
//   room, then the terminal on the fresh devpts.
//   9. Writes to procfs before its parts become read-only and masked; masks last, they must not be covered.
//  10. Hooks of the launcher's, then those of this process: everything is mounted, and the host is still in sight. Root
//      read-only, pivot; nothing of the host has a path from here on.
//  11. Ready; wait for the second go. What takes rights on the host that root of a user namespace has not, the launcher
//      does from outside before (scheduler, I/O priority, raised limits, a lower score for the OOM killer).
//  12. Not dumpable, limits (a low RLIMIT_NOFILE would break the steps above), session, scheduling, streams, user,
//      privileges; then execve. A directory only the user may enter is entered once the process is the user. A
//      container that is created first and started later waits (11) behind these, so that what fails in them fails the
//      creation; only the filter, which may forbid the wait, and execve are left.
#include "runtime/compile.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mount.h>

#include "runtime/compile_parts.h"
#include "runtime/mount_options.h"

namespace ctr::runtime {
namespace {

// The forms with r say no more: what is mounted below the root says for itself.
Result<uint64_t> root_propagation(const std::string& name) {
  if (name.empty()) return uint64_t{MS_PRIVATE};
  if (const auto propagation = parse_propagation(name)) return propagation->flag;
  return Error(Errc::invalid, fmt::format("rootfsPropagation '{}' is not known", name));
}

// With a shared root, mounts of the container may be meant to reach the host: its mounts stay in their peer groups, and
// only what the root itself is mounted on must not pass anything on.
void emit_isolation(const CompileInput& input, const RootfsPlan& rootfs, ProgramBuilder* out) {
  out->act("stop mounts from propagating");
  if (!shares_mounts(input.spec)) {
    out->add({.kind = ChildOpKind::set_propagation, .x = MS_REC | MS_SLAVE});
    return;
  }
  const bool directory = rootfs.kind == RootfsPlan::Kind::directory;
  out->add({.kind = ChildOpKind::isolate_mount, .text = out->text(directory ? rootfs.directory : rootfs.mount_point)});
}

// pivot_root(2) cannot leave the first root of the kernel. There the root is moved over it, and what a process with
// the right to could find of the host's kernel file systems is put out of sight first.
void emit_enter_root(const CompileInput& input, int16_t root, ProgramBuilder* out) {
  if (!input.options.no_pivot) {
    out->act("pivot to the root");
    out->add({.kind = ChildOpKind::pivot_root, .a = root});
    return;
  }
  for (const std::string& path : input.options.kernel_mounts) {
    out->act(fmt::format("hide the host's '{}'", path));
    out->add({.kind = ChildOpKind::hide_mount, .text = out->text(path)});
  }
  out->act("move the root to '/'");
  out->add({.kind = ChildOpKind::switch_root, .a = root, .x = 1});
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
  emit_enter_root(input, root, out);
  if (shared) out->add({.kind = ChildOpKind::set_mount, .a = root, .z = propagation});
  return ok();
}

// The init goes where podman has it: scripts look for it there.
constexpr const char* k_init_path = "/run/podman-init";

void emit_keyring(const CompileInput& input, ProgramBuilder* out) {
  if (input.options.habits.keyring == ProcessHabits::Keyring::inherited) return;
  out->act("start a session keyring");
  out->add({.kind = ChildOpKind::new_session_keyring});
}

// The launcher's hooks of the creation, then those of this process.
Result<void> emit_create_hooks(const CompileInput& input, ProgramBuilder* out) {
  emit_wait_hooks(input, out);
  const HookState& state = input.options.hook_state;
  return emit_hooks(input, input.spec.hooks.create_container, "createContainer", state.directory, out);
}

// The container's own mounts, from its root to the last mask.
Result<int16_t> emit_own_mounts(const CompileInput& input, const RootfsPlan& rootfs, ProgramBuilder* out) {
  emit_isolation(input, rootfs, out);
  const int16_t root = TRY(emit_rootfs(input, rootfs, out));
  emit_edits(rootfs, root, out);
  emit_names(input.spec, out);
  TRY(emit_mounts(input, root, out));
  emit_proc_writes(input, out);
  TRY(emit_devices(input, root, out));
  TRY(emit_secrets(input, root, out));
  emit_console(input, root, out);
  emit_freezes(out);
  emit_masks(input, root, out);
  emit_keyring(input, out);
  emit_open_namespaces(input, out);
  // Their paths are those of the host, which are out of reach behind the pivot.
  TRY(emit_create_hooks(input, out));
  TRY(emit_root_finish(input, root, out));
  return root;
}

// Somebody else's mounts: nothing is mounted, and the root is a directory there is. In a mount namespace that was
// joined it is that namespace's own, as for one more process of a container.
Result<int16_t> emit_foreign_mounts(const CompileInput& input, const RootfsPlan& rootfs, ProgramBuilder* out) {
  const bool inherited = mount_table(input.spec) == MountTable::inherited;
  if (inherited && rootfs.kind != RootfsPlan::Kind::directory) {
    return Error(Errc::unsupported, "a container whose root is to be mounted needs a mount namespace");
  }
  if (!input.options.secrets.empty()) return Error(Errc::unsupported, "secrets need mounts of the container's own");
  if (!rootfs.edits.empty()) return Error(Errc::unsupported, "files are put only into a root of the container's own");
  emit_names(input.spec, out);
  emit_proc_writes(input, out);
  emit_open_namespaces(input, out);
  if (!inherited) emit_mount_join(input.spec, out);
  emit_console(input, -1, out);
  emit_keyring(input, out);
  TRY(emit_create_hooks(input, out));
  const std::string path = inherited ? rootfs.directory : "/";
  out->act(fmt::format("open root directory '{}'", path));
  const int16_t root = out->take_register();
  out->add({.kind = ChildOpKind::open_path, .a = root, .text = out->text(path), .x = O_PATH | O_DIRECTORY});
  out->add({.kind = ChildOpKind::switch_root, .a = root, .x = 0});
  return root;
}

Result<ChildProgram> compile_run_as_is(const RuntimeSpec& spec, const RootfsPlan& rootfs, const HostFacts& host,
                                       const CompileOptions& options) {
  TRY(check_namespaces(spec));
  TRY(check_net_devices(spec, host));
  TRY(check_sysctls(spec));
  TRY(check_mount_label(spec, host));
  const bool user_namespace = spec.find_namespace(NamespaceType::user) != nullptr;
  if (user_namespace && spec.has_fresh_namespace(NamespaceType::user)) TRY(check_map(spec.linux_config.ids));
  const CompileInput input{
      .spec = spec, .process = *spec.process, .host = host, .options = options, .user_namespace = user_namespace};
  TRY(check_labels(input));
  ProgramBuilder out;
  const int16_t console = out.take_registers(2);
  CTR_ASSERT(console == k_register_console);

  TRY(emit_first_steps(input, rootfs, &out));
  const bool own = mount_table(spec) == MountTable::own;
  const int16_t root = TRY(own ? emit_own_mounts(input, rootfs, &out) : emit_foreign_mounts(input, rootfs, &out));
  if (options.start == CompileOptions::Start::at_go)
    emit_wait_ready(input, &out);
  else
    out.act("hide from the container");
  out.add({.kind = ChildOpKind::set_dumpable, .x = 0});
  TRY(emit_process(input, root, &out));
  return out.take();
}

}  // namespace

RuntimeSpec with_init(RuntimeSpec spec, const std::string& program) {
  spec.mounts.push_back({.destination = k_init_path,
                         .type = "bind",
                         .source = program,
                         .options = {"bind", "ro", "nosuid", "nodev", "private"}});
  std::vector<std::string>& args = spec.process->args;
  args.insert(args.begin(), {k_init_path, "--"});
  return spec;
}

Result<ChildProgram> compile_run(const RuntimeSpec& spec, const RootfsPlan& rootfs, const HostFacts& host,
                                 const CompileOptions& options) {
  if (!spec.process) return Error(Errc::invalid, "the runtime spec has no process");
  if (options.init_program.empty()) return compile_run_as_is(spec, rootfs, host, options);
  return compile_run_as_is(with_init(spec, options.init_program), rootfs, host, options);
}

Result<ChildProgram> compile_hold(const RuntimeSpec& spec, const RootfsPlan& rootfs, const HostFacts& host) {
  TRY(check_map(spec.linux_config.ids));
  const SpecProcess nobody;
  const CompileOptions options;
  const CompileInput input{.spec = spec, .process = nobody, .host = host, .options = options, .user_namespace = true};
  ProgramBuilder out;
  TRY(emit_first_steps(input, rootfs, &out));
  emit_isolation(input, rootfs, &out);
  const int16_t root = TRY(emit_rootfs(input, rootfs, &out));
  emit_edits(rootfs, root, &out);
  emit_names(spec, &out);
  // The runtime joins it through /proc.
  out.add({.kind = ChildOpKind::set_dumpable, .x = 1});
  emit_stay(Orphans::kept, &out);
  return out.take();
}

Result<ChildProgram> compile_exec(const RuntimeSpec& spec, const SpecProcess& process, const HostFacts& host,
                                  const CompileOptions& options) {
  const bool user_namespace = spec.find_namespace(NamespaceType::user) != nullptr;
  const CompileInput input{.spec = spec,
                           .process = process,
                           .host = host,
                           .options = options,
                           .user_namespace = user_namespace,
                           .is_exec = true};
  TRY(check_labels(input));
  ProgramBuilder out;
  const int16_t console = out.take_registers(2);
  CTR_ASSERT(console == k_register_console);

  out.act("end with the launcher");
  out.add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  // The container's processes may look at processes of their user namespace: not at this one.
  out.act("hide from the container");
  out.add({.kind = ChildOpKind::set_dumpable, .x = 0});
  emit_host_proc_writes(input, &out);
  emit_join_container(input, &out);
  if (user_namespace) {
    emit_become_root(&out);
    out.add({.kind = ChildOpKind::set_dumpable, .x = 0});
  }
  if (spec.find_namespace(NamespaceType::pid) != nullptr) {
    out.program().clones_again = true;
    out.act("clone into the container's pid namespace");
    out.add({.kind = ChildOpKind::clone_child});
  }
  const int16_t root = out.take_register();
  out.act("open the container's root");
  out.add({.kind = ChildOpKind::open_path, .a = root, .text = out.text("/"), .x = O_PATH | O_DIRECTORY});
  emit_console(input, -1, &out);
  emit_keyring(input, &out);
  TRY(emit_process(input, root, &out));
  return out.take();
}

}  // namespace ctr::runtime
