// From a bundle to a container that waits for its start, or runs.
//
//   create                                   container's first process            start
//     lock <id>/, listen on <id>/start
//     launch() ────────────────────────────▶ mounts, pivots, drops privileges
//     record, pid file ◀─────────────────── ready
//     go ──────────────────────────────────▶ waits in accept(2)
//     ends                                          ◀───────────────────────────── connects, 1 byte
//                                            loads the filter
//                                                   ─────────────────────────────▶ its listener, for an agent
//                                            execve
//                                                   ─────────────────────────────▶ EOF = runs, or {step, errno}
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/cgroup_plan.h"
#include "runtime/container/bundle.h"
#include "runtime/container/notify.h"
#include "runtime/container/state_root.h"
#include "runtime/launch.h"

namespace ctr::runtime {

// Called once it is known what is to run, before anything is made: the place to run the launcher itself from a file
// that the container cannot write to. An error stops the launch.
using ProgramGuard = std::function<Result<void>(const RuntimeSpec& spec)>;

// What sd_listen_fds(3) reads, unless `env` says it already. Without `pid` the process is told no pid.
void tell_listening(size_t count, std::optional<int> pid, std::vector<std::string>& env);

struct CreateRequest {
  const StateRoot& root;
  const HostFacts& host;
  std::string id;
  std::string bundle;               // path of the directory
  std::string config_path;          // empty: config.json of the bundle
  std::string pid_file = {};        // written before the container is there to be started; empty: none
  std::vector<int> extra_fds = {};  // become 3, 4, …
  size_t listening_fds = 0;         // the first of them, as sd_listen_fds(3) counts
  std::string console_socket = {};  // takes the master of the terminal; empty: it stays with `launched`
  std::string pidfd_socket = {};    // takes a pidfd of the first process
  std::string notify_socket = {};   // the caller's NOTIFY_SOCKET; empty: none
  CgroupManager cgroup_manager = CgroupManager::cgroupfs;
  ProcessHabits::Keyring keyring = ProcessHabits::Keyring::fresh;
  // by_command: it waits for start(). at_once: it runs when this returns.
  enum class Start { by_command, at_once } start = Start::by_command;
  // Who takes the terminal, if there is one: the socket, without which that is an error, or who holds `launched`.
  enum class Terminal { socket, caller } terminal = Terminal::socket;
  LaunchRequest::RootEntry root_entry = LaunchRequest::RootEntry::pivot;
  ProgramGuard guard = {};
  // What went wrong and does not count, such as a poststop hook after a failure; may be nullptr.
  std::vector<std::string>* warnings = nullptr;
};

struct CreatedContainer {
  LockedContainer container;
  Launched launched;  // its first process is our child: killed with this object unless released
  // What the program of a container that runs says to the caller's NOTIFY_SOCKET.
  std::optional<NotifyProxy> notify;
};

// Makes everything the configuration asks for. What was made is undone when this fails.
// Errors: exists, invalid, unsupported, and as launch().
Result<CreatedContainer> create_container(const CreateRequest& request);

}  // namespace ctr::runtime
