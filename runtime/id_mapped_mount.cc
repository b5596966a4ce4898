#include "runtime/id_mapped_mount.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "runtime/launch_core.h"

namespace ctr::runtime {
namespace {

Result<IdRange> parse_range(std::string_view text) {
  const std::vector<std::string> numbers = split(text, '-');
  if (numbers.size() != 3) {
    return Error(Errc::invalid, fmt::format("'{}' is not three numbers, as in '0-1000-1'", printable(text)));
  }
  uint32_t values[3] = {};
  for (size_t i = 0; i < 3; ++i) values[i] = static_cast<uint32_t>(TRY(parse_unsigned(numbers[i], "id", UINT32_MAX)));
  return IdRange{.inside = values[0], .outside = values[1], .size = values[2]};
}

uint64_t count_ids(const std::vector<IdRange>& ranges) {
  uint64_t count = 0;
  for (const IdRange& range : ranges) count += range.size;
  return count;
}

Result<std::vector<IdRange>> parse_list(std::string_view text, const std::vector<IdRange>& container) {
  const bool relative = text.starts_with('@');
  std::vector<IdRange> out;
  for (const std::string& part : split(relative ? text.substr(1) : text, '#')) out.push_back(TRY(parse_range(part)));
  if (!relative) return out;
  const uint64_t wanted = count_ids(out);
  out = through_map(out, container);
  if (count_ids(out) == wanted) return out;
  return Error(Errc::invalid, fmt::format("'{}' names ids that the container does not have", printable(text)));
}

// Keeps the user namespace of the process it sees.
class NamespaceKeeper : public LaunchObserver {
 public:
  Result<void> on_created(const CreatedProcess& process) override {
    user_namespace = TRY(open_path(fmt::format("/proc/{}/ns/user", process.pid), O_RDONLY));
    return ok();
  }
  Result<void> before_exec(const CreatedProcess&) override { return ok(); }
  Fd user_namespace;
};

// A user namespace is made with a process and lives on with its descriptor.
Result<Fd> make_user_namespace(const IdMap& ids, const HostFacts& host) {
  TRY(check_map(ids));
  ProgramBuilder out;
  ChildProgram& program = out.program();
  program.clone_flags = CLONE_NEWUSER;
  program.first_map = ids;
  program.waits_at_start = true;
  out.act("make a user namespace");
  out.add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  out.add({.kind = ChildOpKind::wait_go});
  out.add({.kind = ChildOpKind::finish});
  NamespaceKeeper keeper;
  StartRequest start{.program = out.take(), .host = host};
  start.observer = &keeper;
  Launched process = TRY(start_program(std::move(start)));
  (void)TRY(process.init.wait());
  return std::move(keeper.user_namespace);
}

Error mapping_error(int sys) {
  Error error = Error::from_errno("map its ids", sys);
  if (sys == EPERM) {
    return std::move(error).with_hint("only root of the host may map the ids of a file system of the host");
  }
  if (sys == EINVAL) return std::move(error).with_hint("the file system of the source cannot have its ids mapped");
  return error;
}

Result<Fd> make_mount(const IdMappedMount& mount, const HostFacts& host) {
  const unsigned reach = (mount.tree ? AT_RECURSIVE : 0U) | (mount.nofollow ? AT_SYMLINK_NOFOLLOW : 0U);
  Fd copy(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, mount.source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | reach)));
  if (!copy.valid() && errno == EPERM) return mapping_error(EPERM);
  if (!copy.valid()) return Error::from_errno(fmt::format("open '{}'", mount.source));
  if (mount.may_fail) return copy;
  const Fd map = mount.user_namespace.empty() ? TRY(make_user_namespace(mount.ids, host))
                                              : TRY(open_path(mount.user_namespace, O_RDONLY));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(map.get());
  const unsigned mapped = AT_EMPTY_PATH | (mount.tree && mount.map_tree ? AT_RECURSIVE : 0U);
  if (::syscall(SYS_mount_setattr, copy.get(), "", mapped, &attributes, sizeof attributes) < 0) {
    return mapping_error(errno);
  }
  return copy;
}

}  // namespace

Result<IdMap> parse_id_ranges(const std::string& text, const IdMap& container) {
  IdMap out;
  for (const std::string& part : split(text, ';')) {
    const std::string_view list = std::string_view(part).substr(std::min(part.size(), size_t{5}));
    if (part.starts_with("uids="))
      out.uids = TRY(parse_list(list, container.uids));
    else if (part.starts_with("gids="))
      out.gids = TRY(parse_list(list, container.gids));
    else
      return Error(Errc::invalid, fmt::format("'{}' is neither 'uids=' nor 'gids='", printable(part)));
  }
  if (out.uids.empty() || out.gids.empty()) return Error(Errc::invalid, "an id mapping needs both uids and gids");
  return out;
}

Result<std::vector<std::pair<int, Fd>>> make_id_mapped_mounts(const std::vector<IdMappedMount>& mounts,
                                                              const HostFacts& host) {
  std::vector<std::pair<int, Fd>> out;
  for (const IdMappedMount& mount : mounts) {
    auto made = make_mount(mount, host);
    if (!made && mount.may_fail) continue;
    out.emplace_back(mount.place, TRY(std::move(made).context(mount.words)));
  }
  return out;
}

}  // namespace ctr::runtime
