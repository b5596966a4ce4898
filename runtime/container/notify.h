// NOTIFY_SOCKET: how the service manager that started us learns that the container's program is ready.
//
//   service manager            run, start                         container's program
//     $NOTIFY_SOCKET ◀─────────  <state>/notify/notify ◀──────────  $NOTIFY_SOCKET, which is that socket
//         READY=1, MAINPID=pid                       READY=1
//
// The directory is bound into the container when it is created; the socket is made by who starts it. Other messages are
// dropped, as crun and runc do: they are about processes that the service manager does not know. The monitor of a
// container of the engine stays for its whole life, and passes all on that says something of the service alone.
// Source: sd_notify(3).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"
#include "runtime/container/state_root.h"
#include "runtime/host_facts.h"
#include "runtime/spec.h"

namespace ctr::runtime {

// Errors: invalid when it is neither an absolute path nor an abstract address ("@name").
Result<void> check_notify_address(const std::string& socket);
// One message to the service manager at `socket`.
Result<void> tell_manager(const std::string& socket, std::string_view message);
// Until the manager has dealt with what it was told: afterwards it cannot find out who told it (sd_notify_barrier(3)).
void wait_noticed(const std::string& socket);
// What a container may tell of a message of its own: nothing of processes, descriptors and who else may tell.
std::string allowed_lines(std::string_view message);

// Makes the directory of the socket in `container_dir`: users of the container other than its root may tell, too.
Result<Dir> make_notify_dir(const Dir& container_dir);
// Where the container finds the directory and, below it, the socket. Source of the usual place: runc, podman.
struct NotifyPlace {
  SpecMount mount;
  std::string variable;  // "NOTIFY_SOCKET=…"
};
inline constexpr const char* k_usual_notify_place = "/run/notify";
Result<NotifyPlace> notify_place(const std::string& destination, const Dir& notify_dir);

// Makes the directory in `container_dir` and adds it to what the container mounts, with its variable. `socket` is the
// caller's NOTIFY_SOCKET: the container sees it as a directory, and an abstract address as "/run/notify". False, and
// nothing is added, for a container without mounts of its own.
// Errors: invalid when it is neither an absolute path nor an abstract address ("@name").
Result<bool> add_notify_socket(const std::string& socket, const StateRoot& root, const Dir& container_dir,
                               const HostFacts& host, RuntimeSpec* spec);

// The socket in the container's directory, and the way to the caller's.
class [[nodiscard]] NotifyProxy {
 public:
  // Replaces the socket of that name. Errors: not_found when the container was created without one.
  static Result<NotifyProxy> listen(const std::string& socket, const Dir& container_dir);

  // Readable when a message waits.
  int fd() const { return socket_.get(); }
  // Takes all messages that wait; what says ready is passed on, with `pid` as the main process.
  // A caller that cannot be reached is a sentence in `warnings`. True when the container has told that it is ready.
  bool pass_on(pid_t pid, std::vector<std::string>* warnings);
  // Takes the messages that wait, but not so many that a container could keep us at it; what may be passed on is.
  void relay() const;
  // Passes on until the container is ready or the process of `pidfd` has ended, and until the caller has taken notice:
  // afterwards it cannot find out who told it (sd_notify_barrier(3)).
  Result<void> wait_ready(pid_t pid, int pidfd, std::vector<std::string>* warnings);

 private:
  NotifyProxy(Fd socket, std::string target) : socket_(std::move(socket)), target_(std::move(target)) {}
  Fd socket_;
  std::string target_;  // the caller's NOTIFY_SOCKET
};

}  // namespace ctr::runtime
