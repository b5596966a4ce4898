// The monitor: one small process for each running container. It outlives the command that started it, writes the log,
// serves attach, and records the end.
//
//   starter (ctr run, ctr start)            monitor (`ctr monitor`, own session)           program
//     posix_spawn, descriptors 3-6 ───────▶  takes containers/<id>/alive
//                                            launch() ───────────────────────────────────▶ clone
//                                            network, state.json
//     ◀── answer: started, or the error ───  on descriptor 4                               execve
//     the same socket is an attach client    log, attach.sock, timeout
//                                            drains, reaps, stops the network's processes
//                                            state.json, on_exit, attach.sock removed, alive released
//     ◀── exit code ───────────────────────  ends
//
// With LaunchPlan::initialize the answer comes before the program starts. The monitor serves attach.sock, and goes on
// when a second starter connects and asks: its socket takes the place of the first one's.
//
// Whoever has seen the exit code, or the lock free, finds nothing of this run left.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/child.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "runtime/launch.h"
#include "runtime/monitor_plan.h"
#include "runtime/state.h"

namespace ctr::runtime {

// ---- The starter's side

struct MonitorStart {
  const LaunchPlan& plan;
  std::string own_binary;        // what to spawn
  std::vector<std::string> env;  // of the monitor and its helpers; the program's own is in the spec
  const SeccompProgram* seccomp = nullptr;
  std::string_view secrets = {};            // the bytes of plan.secrets, one behind the other
  std::array<int, 3> stdio = {-1, -1, -1};  // with LogPlan::Driver::passthrough
  std::vector<int> preserved = {};          // as many as plan.preserved_fds
  std::vector<int> for_engine = {};         // as many as plan.engine_fds
};

// What the monitor said once the program runs.
struct StartReport {
  pid_t pid = 0;
  std::vector<std::string> notices;  // for the user, one line each
};

// A monitor that was spawned. It goes on by itself whatever happens to this object.
class [[nodiscard]] StartedMonitor {
 public:
  StartedMonitor(Child process, Fd socket) : process_(std::move(process)), socket_(std::move(socket)) {}
  // One that was there before: the connection of ask_start().
  explicit StartedMonitor(Fd socket) : socket_(std::move(socket)) {}
  StartedMonitor(StartedMonitor&&) noexcept = default;
  StartedMonitor& operator=(StartedMonitor&&) = delete;
  ~StartedMonitor();

  // Waits until the program runs. Errors: as launch(); bad_state when it runs already; interrupted.
  Result<StartReport> report(const CancelToken& cancel = {});
  // The starter's attach client, see attach.h; only with LaunchPlan::attach, after report().
  Fd take_socket() { return std::move(socket_); }

 private:
  std::optional<Child> process_;
  Fd socket_;
};
Result<StartedMonitor> spawn_monitor(const MonitorStart& start);

// ---- The monitor's side

// Joins the container to its networks and keeps the helper processes of that alive. Implemented in engine/network.
//
// All calls come from the monitor's one thread. Nothing is left behind after stop(), also when configure() failed.
class NetworkSetup {
 public:
  virtual ~NetworkSetup() = default;
  // The namespaces exist, nothing is mounted: what the mounting needs, and helpers that take a while to get ready.
  virtual Result<void> configure(const CreatedProcess& process) = 0;
  // Beside the mounting: links, addresses, listening sockets.
  virtual Result<void> connect(const CreatedProcess& /*process*/) { return ok(); }
  // Right before the program starts: everything must work when this returns.
  virtual Result<void> finish(const CreatedProcess& process) = 0;
  // pidfds of the helpers that are to be watched. Asked again after configure() and after every respawn().
  virtual std::vector<int> children() const = 0;
  // The helper behind `pidfd` has ended while the container runs: reap it. The delay after which respawn() is wanted
  // (with backoff), or nullopt to go on without it.
  virtual std::optional<std::chrono::milliseconds> child_ended(int pidfd) = 0;
  // Starts what has ended again. The delay after which it is wanted once more (with backoff), because something could
  // not be started; nullopt: what was started will say by its end when it is.
  virtual std::optional<std::chrono::milliseconds> respawn() = 0;
  // What a user wants to be different from now on, in words that only both ends understand. children() are asked for
  // again afterwards. With a descriptor where the order needs one.
  virtual Result<void> change(const Json& /*order*/, Fd /*fd*/) {
    return Error(Errc::unsupported, "the networks of this container cannot be changed while it runs");
  }
  // Descriptors that say by being readable that there is something to do. Asked again where children() are; each stays.
  virtual std::vector<int> sources() const { return {}; }
  // One of them is readable. children() are asked for again afterwards. Returns what respawn() does.
  virtual std::optional<std::chrono::milliseconds> on_source(int /*fd*/) { return std::nullopt; }
  // Ends all helpers: afterwards their ports are free, and they do no more. What takes its time to be gone altogether
  // is left to the destructor.
  virtual void stop() = 0;
};

// Starts the first process. `real_launcher()` is launch.h with the container's cgroup; tests give their own.
class Launcher {
 public:
  virtual ~Launcher() = default;
  virtual Result<Launched> start(const LaunchPlan& plan, const SeccompProgram* seccomp, const std::array<int, 3>& stdio,
                                 LaunchObserver& observer) = 0;
  // Below the v2 mount point; empty without a cgroup. After start().
  virtual std::string cgroup_path() const = 0;
  // After the first process has ended: kills what is left of the container and removes its cgroup.
  struct Leftover {
    bool oom_killed = false;
  };
  virtual Result<Leftover> clean_up() = 0;
};
std::unique_ptr<Launcher> real_launcher();

// What the composition root adds. All optional; called in the monitor process.
struct MonitorHooks {
  // Builds the network from the plan's `engine` part; nullptr: no network work.
  std::function<Result<std::unique_ptr<NetworkSetup>>(const LaunchPlan&)> make_network;
  // The program runs; nobody has been told so yet.
  std::function<void(const LaunchPlan&, const StateRecord&)> on_started;
  // Whether a container that no user has stopped is to be started again; the record has the end of its program.
  std::function<bool(const LaunchPlan&, const StateRecord&)> wants_restart;
  // Starts a process that checks the program's health; its exit code is a CheckEnd. With LaunchPlan::health only.
  std::function<Result<Child>(const LaunchPlan&)> start_health_check;
  // The same for LaunchPlan::readiness, and for what is run once the program runs: the program is killed when it fails.
  std::function<Result<Child>(const LaunchPlan&)> start_readiness_check, start_post_start;
  // Starts a process that calls answer_with_root(), with these descriptors.
  std::function<Result<Child>(int client, int init_pidfd)> start_root_copy;
  // The program has ended and state.json says so; the lock is still held. Auto-remove and events happen here.
  std::function<void(const LaunchPlan&, const StateRecord&)> on_exit;
};

// The descriptors a monitor is started with.
struct MonitorDescriptors {
  static constexpr int k_plan = 3;     // sealed memfd: LaunchPlan as JSON
  static constexpr int k_starter = 4;  // SOCK_SEQPACKET to the starter
  static constexpr int k_bundle = 5;   // containers/<id>, O_RDONLY | O_DIRECTORY
  static constexpr int k_seccomp = 6;  // sealed memfd: BPF; absent for unconfined containers
  static constexpr int k_secrets = 7;  // sealed memfd: the bytes of the secrets; absent without any
  // And above: those of LaunchPlan::preserved_fds, then those of LaunchPlan::engine_fds.
  static constexpr int k_preserved = 8;
};

// What the starter has passed for the hooks, for the first hook that is called; nobody takes them twice.
Result<std::vector<Fd>> take_engine_fds(const LaunchPlan& plan);

// The whole life of a monitor: reads the descriptors above, runs the container, and returns the process's exit code
// (0 also when the start failed: that is answered on the socket).
int run_monitor(const MonitorHooks& hooks, std::unique_ptr<Launcher> launcher);

}  // namespace ctr::runtime
