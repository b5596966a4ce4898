#include "runtime/network_namespace.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <csignal>

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
  const Fd user(::ioctl(file.get(), NS_GET_USERNS));
  if (!user.valid()) return Error::from_errno("find the user namespace of a network namespace");
  ProgramBuilder out;
  out.act("join a network namespace");
  const int16_t joined = out.take_registers(2);
  const auto network = static_cast<int16_t>(joined + 1);
  out.add({.kind = ChildOpKind::set_namespace, .a = joined, .x = CLONE_NEWUSER});
  out.add({.kind = ChildOpKind::set_namespace, .a = network, .x = CLONE_NEWNET});
  out.add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  emit_hand_over(sockets, &out);
  return run(out, {{joined, user.get()}, {network, file.get()}});
}

}  // namespace ctr::runtime
