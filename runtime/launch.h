// From a RuntimeSpec to a running process: the second of the two doors through which processes start.
//
//   launcher (monitor, plain user)                 child (runtime/child.cc, an interpreter of ChildOps)
//     clone3 ───────────────────────────────────▶  opens its netlink socket and namespace descriptors
//     ◀── hand socket: descriptors ───────────────
//     writes the id maps
//     LaunchObserver::on_created  (start uplink)
//     ── go pipe: 1 byte ────────────────────────▶  mounts; opens the terminal
//     ◀── hand socket: terminal's master ─────────
//     ◀── report pipe: ready ─────────────────────  (if hooks of the runtime are to run here)
//     LaunchObserver::on_mounted
//     ── go pipe: 1 byte ────────────────────────▶  pivots, …
//     ◀── report pipe: ready ─────────────────────  waits
//     LaunchObserver::before_exec (uplink is up)
//     ── go pipe: 1 byte ────────────────────────▶  drops privileges, loads the filter, execve
//     ◀── hand socket: the filter's listener ─────  (if it has one; goes on to the seccomp agent)
//     ◀── report pipe: EOF = runs, or {step, errno}
//
// The caller is a fresh, single-threaded process: clone3 copies it.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/child.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "runtime/child_ops.h"
#include "runtime/hook_state.h"
#include "runtime/host_facts.h"
#include "runtime/idmap.h"
#include "runtime/process_habits.h"
#include "runtime/rootfs_plan.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_agent.h"
#include "runtime/secret_files.h"
#include "runtime/spec.h"

namespace ctr::runtime {

// One step of a program, for errors: what it is, and its words for people.
struct StepWords {
  ChildOpKind kind = ChildOpKind::finish;
  std::string words;
  bool operator==(const StepWords&) const = default;
};

// The steps that a program takes after it was started over its socket.
struct LaterSteps {
  size_t first = 0;     // number of the first one
  std::string command;  // argv[0]
  std::vector<StepWords> steps;
  bool hands_over_listener = false;  // of the seccomp filter, to who starts it
  bool operator==(const LaterSteps&) const = default;
};
Json to_json(const LaterSteps& steps);
Result<LaterSteps> later_steps_from_json(const JsonReader& reader);
// Starts a program that waits behind `socket`, a connection to its start socket, and returns once it runs.
// `take_listener` is called exactly when steps.hands_over_listener; the descriptor is valid during the call only.
// Errors: as launch(), those of `take_listener`; bad_state when it has ended.
Result<void> start_waiting(int socket, const LaterSteps& steps,
                           const std::function<Result<void>(int listener)>& take_listener = {});
// The namespaces of the container whose program waits behind `socket`, in the order of namespace_order().
// Errors: bad_state when it has ended, timed_out when it does not answer.
Result<std::vector<Fd>> ask_namespaces(int socket, const RuntimeSpec& spec);
// In which order the namespaces of `spec` are joined: the user namespace first, since the others ask it for rights.
std::vector<NamespaceType> namespace_order(const RuntimeSpec& spec);

// The container's first process while it waits. Descriptors belong to the launcher and are valid during the call only.
struct CreatedProcess {
  pid_t pid = -1;
  int pidfd = -1;
  // A NETLINK_ROUTE socket opened inside the fresh network namespace; -1 when the network namespace is not fresh.
  // Requests need sendto(2) with a sockaddr_nl: see netlink(7) and network namespaces of other users' namespaces.
  int netlink_fd = -1;
  int netns_fd = -1;                 // the container's network namespace; -1 as above
  int userns_fd = -1;                // the container's user namespace; -1 when it has none of its own
  std::span<const Fd> sockets = {};  // of open_network_namespace()
  // What it does once it is started over its socket; empty without LaunchRequest::Waiting::start_socket.
  const LaterSteps* later = nullptr;
  int console_fd = -1;  // the terminal's master; only in before_exec(), and -1 without a terminal
};

// What the launcher's user does while the child waits. An error stops the launch: the child dies, the error comes out.
class LaunchObserver {
 public:
  virtual ~LaunchObserver() = default;
  // The namespaces exist and the id maps are written; nothing is mounted. /proc/PID is readable for helpers that are
  // started here (slirp4netns by pid); they may go on working while the child mounts.
  virtual Result<void> on_created(const CreatedProcess& process) = 0;
  // The child has been let go and mounts meanwhile: what it does not need for that.
  virtual Result<void> beside_mounts(const CreatedProcess& /*process*/) { return ok(); }
  // Everything is mounted, and the host's mounts are still in sight of the process. Only with hooks prestart or
  // createRuntime in the spec.
  virtual Result<void> on_mounted(const CreatedProcess& /*process*/) { return ok(); }
  // Everything is set up; the program has not started. The last moment to wait for helpers and to record the pid.
  virtual Result<void> before_exec(const CreatedProcess& process) = 0;
};

// The extra_fds that put each of `fds` at its one of `numbers`, which are ascending, from 3 on.
std::vector<int> numbered_fds(const std::vector<int>& fds, const std::vector<int>& numbers);

struct LaunchRequest {
  const RuntimeSpec& spec;  // with process
  const RootfsPlan& rootfs;
  const HostFacts& host;
  // Become 0, 1 and 2; -1 means /dev/null. Not used with process.terminal. Stay open here: the caller closes its
  // copies.
  std::array<int, 3> stdio = {-1, -1, -1};
  // Become 3, 4, …, where -1 leaves a number free; everything else is closed.
  std::vector<int> extra_fds = {};
  // The compiled filter of spec.linux.seccomp; nullptr exactly when the spec has none.
  const SeccompProgram* seccomp = nullptr;
  // The bytes of the secrets one behind the other, in a file that can be read at any place; -1 when there are none.
  std::vector<SecretFile> secrets = {};
  int secrets_fd = -1;
  // Directory of the cgroup to start in (O_PATH | O_DIRECTORY works); -1: stays in ours.
  int cgroup_fd = -1;
  // Host path of the init program to run args under (--init), mounted read-only at /run/podman-init; empty: args run as
  // pid 1.
  std::string init_program = {};
  // Absolute path of the bundle, where relative sources of mounts begin; empty: there are none.
  std::string bundle = {};
  // How the root is entered: moved to "/" where the host's own root is one that cannot be pivoted away from.
  enum class RootEntry { pivot, move } root_entry = RootEntry::pivot;
  // Whether a working directory that is missing is made (as the image's is) or an error (as the user's is).
  enum class MissingCwd { make, refuse } missing_cwd = MissingCwd::make;
  // What a seccomp agent is told of the container; used when the filter asks for one.
  AgentSubject subject = {};
  ProcessHabits habits = {};
  HookState hook_state = {};  // for spec.hooks that run inside the container
  // Files for the standard output and error of these hooks; -1: what they print becomes part of errors.
  std::array<int, 2> hook_output = {-1, -1};
  LaunchObserver* observer = nullptr;
  // on_created() only looks: it needs neither the network namespace nor the process to wait for it.
  bool unattended = false;
  // The program must not outlive the launcher (SIGKILL by PDEATHSIG).
  enum class Lifetime { own, with_launcher } lifetime = Lifetime::own;
  // For containers that exist before they run. Everything is done before LaunchObserver::before_exec, and the program
  // holds the lock of `waiting_lock` until it is executed. With a listening `start_socket` (SOCK_SEQPACKET) launch()
  // returns as soon as the program waits to be started over it: see wait_start in child_ops.h.
  struct Waiting {
    int lock_fd = -1;
    int start_socket = -1;
  };
  std::optional<Waiting> waiting = {};
  // Descriptors of the launcher's that the child closes first thing: locks that must end with the launcher.
  std::vector<int> private_fds = {};
};

struct Launched {
  Child init;         // killed on destruction unless released
  Fd console_master;  // valid exactly with process.terminal
  // What the user should know though it works: single-id map, dropped capabilities. One line each.
  std::vector<std::string> notices;
};

// Starts the container's first process and returns once its program runs.
//
// Errors: command_not_found and command_not_executable when the last step, execve, says so; else the code fits the
// failed step, and the message is its words ("mount proc at '/proc': Operation not permitted").
Result<Launched> launch(const LaunchRequest& request);

// Starts one more process in a running container: same treatment of capabilities, filter, limits and descriptors.
struct ExecRequest {
  const RuntimeSpec& spec;     // the container's: which namespaces it has, its id map
  const SpecProcess& process;  // what to run; its fields are used as they are
  const HostFacts& host;
  int init_pidfd = -1;  // of the container's first process
  pid_t init_pid = -1;
  // The container's namespaces as ask_namespaces() has them; empty: they are joined by init_pidfd, which takes rights
  // over a first process that has not executed its program.
  std::vector<int> namespaces = {};
  std::array<int, 3> stdio = {-1, -1, -1};
  std::vector<int> extra_fds = {};
  const SeccompProgram* seccomp = nullptr;  // of spec.linux.seccomp
  int cgroup_fd = -1;
  AgentSubject subject = {};
  ProcessHabits habits = {};
  LaunchRequest::Lifetime lifetime = LaunchRequest::Lifetime::own;
};
// With execCPUAffinity.initial, the caller is limited to these CPUs from here on.
// Errors: bad_state when the container is not running; otherwise as launch().
Result<Launched> launch_exec(const ExecRequest& request);

// A program of the host in a fresh user namespace (and mount namespace) with id map `ids`, as root in there: unpackers,
// reclaimers, `ctr unshare`.
struct UsernsRequest {
  const HostFacts& host;
  IdMap ids;                      // usually host.default_map()
  std::string program;            // absolute path
  std::vector<std::string> argv;  // argv[0] included
  std::vector<std::string> env;   // KEY=VALUE, complete
  // {descriptor here, number there}; everything else is closed. 0-2 not named become /dev/null.
  std::vector<std::pair<int, int>> fds;
  std::string cwd;  // empty: unchanged
  LaunchRequest::Lifetime lifetime = LaunchRequest::Lifetime::with_launcher;
};
Result<Child> launch_in_userns(const UsernsRequest& request);

// A process that has mounted `rootfs` at its place, in a user namespace with these ids and a mount namespace, and does
// nothing more. The mount ends with it, and it with its launcher.
Result<Child> launch_root_holder(const HostFacts& host, const IdMap& ids, const RootfsPlan& rootfs);

// True when overlay mounts with userxattr work for this user on the file system of `directory` (an existing directory
// of ours that may be written to; nothing is left in it). Runs a short-lived child.
Result<bool> probe_native_overlay(const HostFacts& host, const std::string& directory);

// The steps launch() would take, one line each, for `ctr run --explain`.
Result<std::vector<std::string>> explain_launch(const RuntimeSpec& spec, const RootfsPlan& rootfs,
                                                const HostFacts& host, const std::vector<SecretFile>& secrets = {});

}  // namespace ctr::runtime
