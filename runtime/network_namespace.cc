#include "runtime/network_namespace.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <csignal>

#include "runtime/compile_parts.h"
#include "runtime/launch.h"
#include "runtime/launch_core.h"

namespace ctr::runtime {
namespace {

// Keeps what the child hands out.
class Taker final : public LaunchObserver {
 public:
  Result<void> on_created(const CreatedProcess& process) override {
    taken.netlink = TRY(keep(process.netlink_fd));
    taken.file = TRY(keep(process.netns_fd));
    for (const Fd& socket : process.sockets) taken.sockets.push_back(TRY(socket.duplicate()));
    return ok();
  }
  Result<void> before_exec(const CreatedProcess&) override { return ok(); }

  NetworkNamespace taken;

 private:
  static Result<Fd> keep(int fd) {
    Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy.valid()) return Error::from_errno("keep a descriptor of a network namespace");
    return copy;
  }
};

void emit_hand_over(const std::vector<SocketKind>& sockets, ProgramBuilder* out) {
  out->act("open sockets in a network namespace");
  const auto count = 3 + static_cast<int>(sockets.size());
  CTR_ASSERT(count <= k_max_namespaces);
  const int16_t first = out->take_registers(count);
  const auto at = [first](int number) { return static_cast<int16_t>(first + number); };
  out->add({.kind = ChildOpKind::open_netlink, .a = first});
  out->add({.kind = ChildOpKind::open_path, .a = at(1), .text = out->text("/proc/self/ns/net"), .x = O_RDONLY});
  out->add({.kind = ChildOpKind::open_path, .a = at(2), .text = out->text("/proc/self/ns/user"), .x = O_RDONLY});
  for (size_t i = 0; i < sockets.size(); ++i) {
    out->add({.kind = ChildOpKind::open_socket,
              .a = at(3 + static_cast<int>(i)),
              .x = static_cast<uint64_t>(sockets[i].domain),
              .y = static_cast<uint64_t>(sockets[i].type)});
  }
  out->add({.kind = ChildOpKind::send_fds, .a = first, .x = static_cast<uint64_t>(count), .y = k_tag_namespaces});
  out->program().hands_over_namespaces = true;
  out->add({.kind = ChildOpKind::finish});
}

Result<NetworkNamespace> run(ProgramBuilder& out, std::vector<std::pair<int, int>> descriptors) {
  const HostFacts host;  // the program writes no id maps, which is what these are for
  Taker taker;
  StartRequest start{.program = out.take(), .host = host};
  start.descriptors = std::move(descriptors);
  start.observer = &taker;
  auto launched = TRY(start_program(std::move(start)));
  (void)TRY(launched.init.wait());
  return std::move(taker.taken);
}

// The user namespace that a network namespace belongs to; invalid for that of the caller, which nobody may join who is
// in it.
Result<Fd> owner_of(const Fd& file) {
  Fd user(::ioctl(file.get(), NS_GET_USERNS));
  if (!user.valid()) return Error::from_errno("find the user namespace of a network namespace");
  struct stat given{};
  struct stat own{};
  const bool is_own =
      ::fstat(user.get(), &given) == 0 && ::stat("/proc/self/ns/user", &own) == 0 && given.st_ino == own.st_ino;
  if (is_own) user.reset();
  return user;
}

// Into a network namespace and the user namespace `user` that it belongs to. Returns StartRequest::descriptors.
std::vector<std::pair<int, int>> emit_join(const Fd& user, const Fd& file, ProgramBuilder* out) {
  out->act("join a network namespace");
  out->add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  std::vector<std::pair<int, int>> descriptors;
  int16_t next = out->take_registers(2);
  for (const auto& [fd, flag] : {std::pair{user.get(), CLONE_NEWUSER}, std::pair{file.get(), CLONE_NEWNET}}) {
    if (fd < 0) continue;
    descriptors.emplace_back(next, fd);
    out->add(
        {.kind = ChildOpKind::set_namespace, .a = next++, .x = static_cast<uint64_t>(static_cast<unsigned>(flag))});
  }
  // A user namespace that is joined clears it.
  out->add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  return descriptors;
}

// Lets others look at the process for a while.
class Shower final : public LaunchObserver {
 public:
  explicit Shower(const std::function<Result<void>(pid_t)>& use) : use_(use) {}
  Result<void> on_created(const CreatedProcess&) override { return ok(); }
  Result<void> before_exec(const CreatedProcess& process) override { return use_(process.pid); }

 private:
  const std::function<Result<void>(pid_t)>& use_;
};

}  // namespace

Result<NetworkNamespace> make_network_namespace(const std::vector<SocketKind>& sockets) {
  ProgramBuilder out;
  out.act("make a network namespace");
  out.program().clone_flags = CLONE_NEWUSER | CLONE_NEWNET;
  out.add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  emit_hand_over(sockets, &out);
  return run(out, {});
}

Result<NetworkNamespace> open_network_namespace(const Fd& file, const std::vector<SocketKind>& sockets) {
  const Fd user = TRY(owner_of(file));
  ProgramBuilder out;
  auto descriptors = emit_join(user, file, &out);
  emit_hand_over(sockets, &out);
  return run(out, std::move(descriptors));
}

Result<void> set_network_values(const Fd& file, const std::vector<std::pair<std::string, std::string>>& values) {
  const Fd user = TRY(owner_of(file));
  const HostFacts host;
  StartRequest start{.program = {}, .host = host};
  ProgramBuilder out;
  start.descriptors = emit_join(user, file, &out);
  const int16_t proc = out.take_register();
  out.act("open '/proc'");
  out.add({.kind = ChildOpKind::open_path, .a = proc, .text = out.text("/proc"), .x = O_PATH | O_DIRECTORY});
  for (const auto& [name, value] : values) {
    out.act("set " + name);
    out.add({.kind = ChildOpKind::write_file,
             .b = proc,
             .text = out.text("sys/" + sysctl_path(name)),
             .more = out.text(value)});
  }
  out.add({.kind = ChildOpKind::finish});
  start.program = out.take();
  auto launched = TRY(start_program(std::move(start)));
  (void)TRY(launched.init.wait());
  return ok();
}

Result<Child> launch_anchor(const Fd& file, const std::function<Result<void>(pid_t)>& use, Shown shown) {
  const Fd user = TRY(owner_of(file));
  const HostFacts host;
  Shower shower(use);
  StartRequest start{.program = {}, .host = host};
  start.observer = &shower;
  ProgramBuilder out;
  start.descriptors = emit_join(user, file, &out);
  emit_close_others({k_register_go, k_register_report}, 3, &out);
  out.add({.kind = ChildOpKind::report_ready});
  out.add({.kind = ChildOpKind::wait_go});
  out.program().waits_before_exec = true;
  if (shown == Shown::while_used) out.add({.kind = ChildOpKind::set_dumpable, .x = 0});
  emit_stay(Orphans::kept, &out);
  start.program = out.take();
  return std::move(TRY(start_program(std::move(start)).context("join a network for a moment")).init);
}

}  // namespace ctr::runtime
