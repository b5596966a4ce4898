// From a bundle to a container that waits for its start, or runs.
//
//   create                                   container's first process            start
//     lock <id>/, listen on <id>/start
//     launch() ────────────────────────────▶ mounts, pivots, drops privileges
//     record, pid file ◀─────────────────── ready
//     go ──────────────────────────────────▶ waits in accept(2)
//     ends                                          ◀───────────────────────────── connects, 1 byte
//                                            loads the filter, execve
//                                                   ─────────────────────────────▶ EOF = runs, or {step, errno}
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/container/bundle.h"
#include "runtime/container/state_root.h"
#include "runtime/launch.h"

namespace ctr::runtime {

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
  ProcessHabits::Keyring keyring = ProcessHabits::Keyring::fresh;
  // by_command: it waits for start(). at_once: it runs when this returns.
  enum class Start { by_command, at_once } start = Start::by_command;
  // Who takes the terminal, if there is one: the socket, without which that is an error, or who holds `launched`.
  enum class Terminal { socket, caller } terminal = Terminal::socket;
};

struct CreatedContainer {
  LockedContainer container;
  Launched launched;  // its first process is our child: killed with this object unless released
};

// Makes everything the configuration asks for. What was made is undone when this fails.
// Errors: exists, invalid, unsupported, and as launch().
Result<CreatedContainer> create_container(const CreateRequest& request);

}  // namespace ctr::runtime
