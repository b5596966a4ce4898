// Mounts of type cgroup and cgroup2.
//
//   host       container's own cgroup namespace        the host's cgroup namespace
//   v2         a cgroup2 of its own                    the host's tree, as /proc/self/cgroup names it
//   v1, hybrid a tmpfs, below it each hierarchy        a tmpfs, below it the runtime's own cgroup of each hierarchy
//
// Type cgroup2 asks for the v2 tree on every host. A tree of the host's namespace is read-only to a user namespace: its
// user may own parts of it that are none of the container's (CVE-2023-25809).
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sys/mount.h>

#include "base/text.h"
#include "runtime/compile_mounts.h"

namespace ctr::runtime {
namespace {

constexpr std::string_view k_host_root = "/sys/fs/cgroup";

struct CgroupMount {
  const CompileInput& input;
  const MountOptions& options;
  const MountPlace& place;
  bool own_namespace;
};

void emit_fresh_tree(const CgroupMount& mount, const std::string& type, const std::vector<std::string>& data,
                     const std::string& destination, ProgramBuilder* out) {
  const int16_t fresh = out->take_register();
  std::vector<std::string> words = {"source=cgroup"};
  words.insert(words.end(), data.begin(), data.end());
  out->add({.kind = ChildOpKind::make_mount,
            .a = fresh,
            .text = out->text(type),
            .more = out->text_list(words),
            .x = mount.options.set | mount.options.set_recursive});
  emit_attach({.destination = destination, .root = mount.place.root}, k_target_directory, -1, fresh, out);
  out->close_register(fresh);
}

void emit_host_tree(const CgroupMount& mount, const std::string& source, const std::string& destination,
                    ProgramBuilder* out) {
  MountOptions options = mount.options;
  options.bind = options.recursive = true;
  options.set_recursive |= options.set;
  if (mount.input.is_mapped()) {
    options.clear &= ~uint64_t{MOUNT_ATTR_RDONLY};
    options.clear_recursive &= ~uint64_t{MOUNT_ATTR_RDONLY};
    options.set_recursive |= MOUNT_ATTR_RDONLY;
  }
  emit_bind(source, options, {.destination = destination, .root = mount.place.root}, out);
}

void emit_v2(const CgroupMount& mount, const std::string& host_tree, const std::string& destination,
             ProgramBuilder* out) {
  if (mount.own_namespace)
    emit_fresh_tree(mount, "cgroup2", mount.options.data, destination, out);
  else
    emit_host_tree(mount, host_tree, destination, out);
}

// "cpu,cpuacct" of /proc/self/cgroup, or "name=systemd", to the options of its mount.
std::vector<std::string> hierarchy_data(const std::string& controllers) {
  if (controllers.starts_with("name=")) return {"none", controllers};
  return split(controllers, ',');
}

std::string hierarchy_name(const std::string& controllers) {
  return controllers.starts_with("name=") ? controllers.substr(5) : controllers;
}

// Every hierarchy has its place in a tmpfs, and every controller of a shared one a link to it: what programs expect to
// find (systemd's layout of cgroup v1).
void emit_v1(const CgroupMount& mount, ProgramBuilder* out) {
  const CgroupFacts& facts = mount.input.host.cgroup;
  const std::string& top = mount.place.destination;
  const uint64_t read_only = (mount.options.set | mount.options.set_recursive) & MOUNT_ATTR_RDONLY;
  const int16_t tmpfs = out->take_register();
  out->add({.kind = ChildOpKind::make_mount,
            .a = tmpfs,
            .text = out->text("tmpfs"),
            .more = out->text_list({"source=tmpfs", "mode=755", "size=1m"}),
            .x = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC});
  emit_attach(mount.place, k_target_directory, -1, tmpfs, out);
  for (const CgroupHierarchy& hierarchy : facts.hierarchies) {
    const std::string name = hierarchy_name(hierarchy.controllers);
    const std::string destination = top + "/" + name;
    if (mount.own_namespace)
      emit_fresh_tree(mount, "cgroup", hierarchy_data(hierarchy.controllers), destination, out);
    else
      emit_host_tree(mount, fmt::format("{}/{}{}", k_host_root, name, hierarchy.own_path), destination, out);
    const std::vector<std::string> controllers = split(name, ',');
    for (const std::string& controller : controllers) {
      if (controllers.size() == 1) break;
      out->add({.kind = ChildOpKind::make_symlink, .b = tmpfs, .text = out->text(name), .more = out->text(controller)});
    }
  }
  if (!facts.mount_point.empty()) emit_v2(mount, facts.mount_point + facts.own_path, top + "/unified", out);
  if (read_only != 0) out->add({.kind = ChildOpKind::set_mount, .a = tmpfs, .x = read_only});
  out->close_register(tmpfs);
}

}  // namespace

Result<void> emit_cgroup(const CompileInput& input, const std::string& type, const MountOptions& options,
                         const MountPlace& place, ProgramBuilder* out) {
  const CgroupFacts& facts = input.host.cgroup;
  const CgroupMount mount{.input = input,
                          .options = options,
                          .place = place,
                          .own_namespace = input.spec.find_namespace(NamespaceType::cgroup) != nullptr};
  const bool v2 = facts.mode == CgroupMode::v2_delegated || facts.mode == CgroupMode::v2_not_delegated;
  if (type == "cgroup" && !v2 && !facts.hierarchies.empty()) {
    out->act(fmt::format("mount the cgroup hierarchies at '{}'", place.destination));
    emit_v1(mount, out);
    return ok();
  }
  out->act(fmt::format("mount cgroup2 at '{}'", place.destination));
  if (!mount.own_namespace && facts.mount_point.empty()) {
    return Error(Errc::unsupported, "this host has no cgroup v2 tree to share");
  }
  emit_v2(mount, facts.mount_point, place.destination, out);
  return ok();
}

}  // namespace ctr::runtime
