// Namespaces: what is joined, what is fresh, and how many processes it takes; steps 1 to 5 and 7 of compile.cc.
#include <fcntl.h>
#include <fmt/format.h>
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

}  // namespace

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

}  // namespace ctr::runtime
