// Network namespaces that no process is in: they are made, and sockets are opened inside of them, by a process that
// lives for a moment and hands everything out. Source: network_namespaces(7), user_namespaces(7).
//
// The caller is a fresh, single-threaded process: clone3 copies it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/child.h"
#include "base/fd.h"
#include "base/result.h"

namespace ctr::runtime {

struct SocketKind {
  int domain = 0;
  int type = 0;
};

// What keeps a namespace, and the ways into it.
struct NetworkNamespace {
  Fd file;     // the namespace itself: it lives as long as somebody has such a descriptor
  Fd netlink;  // a NETLINK_ROUTE socket
  // As asked for. The caller owns the namespace's user namespace, and so may do with them from outside what it could
  // inside of it, such as binding to ports below 1024.
  std::vector<Fd> sockets;
};

// A fresh one in a fresh user namespace, which maps no id: nobody needs to be somebody in there.
Result<NetworkNamespace> make_network_namespace(const std::vector<SocketKind>& sockets);
// `file`: of a namespace of this user's. Errors: permission for that of another user.
Result<NetworkNamespace> open_network_namespace(const Fd& file, const std::vector<SocketKind>& sockets);

// Writes values of a network namespace of this user's: {"net.ipv4.tcp_wmem", "…"}.
Result<void> set_network_values(const Fd& file, const std::vector<std::pair<std::string, std::string>>& values);

// A process that does nothing in a network namespace and the user namespace that it belongs to, for programs that are
// told namespaces by the number of a process, where no process in there may be looked into by others of the caller's.
// This one may be while `use` is called, and not any more after that: it has the host's files in sight. In a user
// namespace in which nobody else is yet it may be until it ends. Errors: those of `use`.
enum class Shown { while_used, until_it_ends };
Result<Child> launch_anchor(const Fd& file, const std::function<Result<void>(pid_t)>& use,
                            Shown shown = Shown::while_used);

}  // namespace ctr::runtime
