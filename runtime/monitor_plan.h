// LaunchPlan: everything the monitor of a container must know, as a value that crosses from `ctr start` in a memfd.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "runtime/cgroup_plan.h"
#include "runtime/host_facts.h"
#include "runtime/rootfs_plan.h"
#include "runtime/secret_files.h"
#include "runtime/spec.h"

namespace ctr::runtime {

struct LogPlan {
  enum class Driver {
    k8s_file,     // lines in a file
    journald,     // entries of the journal of systemd
    none,         // nothing is kept
    passthrough,  // the program gets the starter's descriptors 0-2; no attach
  };
  Driver driver = Driver::k8s_file;
  std::string path;                 // absolute; the predecessor after a rotation is path + ".1"
  uint64_t max_size_bytes = 0;      // of one file; 0: no limit
  std::string tag;                  // of entries of the journal; empty: none
  std::vector<std::string> labels;  // more fields of them, "NAME=value"
  bool operator==(const LogPlan&) const = default;
};

std::string_view log_driver_name(LogPlan::Driver driver);
Json to_json(const LogPlan& log);
Result<LogPlan> log_plan_from_json(const JsonReader& reader);

// Which streams of the program the starter joins from the first byte on.
struct StarterAttach {
  bool stdin_ = false;
  bool stdout_ = false;
  bool stderr_ = false;
  bool operator==(const StarterAttach&) const = default;
};

// A check of the program's health that the monitor runs over and over. What the check is knows MonitorHooks.
struct HealthPlan {
  enum class Action { none, kill, restart, stop };
  std::chrono::milliseconds interval{0};                      // between two checks; 0: they are run by hand
  std::chrono::milliseconds delay{0};                         // before the first
  std::optional<std::chrono::milliseconds> startup_interval;  // until the program has shown that it is up
  Action action = Action::none;                               // on a program that is unhealthy
  int stop_signal = 15;
  std::chrono::seconds stop_timeout{10};  // from the signal to SIGKILL
  bool operator==(const HealthPlan&) const = default;
};

Json to_json(const HealthPlan& health);
Result<HealthPlan> health_from_json(const JsonReader& reader);
// The service manager that is to hear of the container.
struct NotifyPlan {
  std::string socket;         // its NOTIFY_SOCKET
  bool relays = false;        // what the program tells, through the socket in the bundle
  bool when_healthy = false;  // that it is ready when the first health check has passed
  bool operator==(const NotifyPlan&) const = default;
};

struct LaunchPlan {
  std::string container_id;  // 64 hex digits
  std::string name;
  std::string bundle;   // absolute path of containers/<id>; also the directory of state.json and the lock
  std::string run_dir;  // absolute path of $XDG_RUNTIME_DIR/ctr/containers/<id>; made by the monitor, mode 0700
  RuntimeSpec spec;     // with process
  RootfsPlan rootfs;
  HostFacts host;
  CgroupPlan cgroup;
  uint32_t seccomp_flags = 0;  // of the program whose bytes come in their own memfd
  std::string init_program;    // --init
  std::string runtime;         // absolute path of another runtime that makes the container; empty: ours
  std::vector<SecretFile> secrets;
  LogPlan log;
  bool stdin_open = false;                      // -i: the program's stdin is a pipe, not /dev/null
  std::optional<std::chrono::seconds> timeout;  // killed after this long
  std::optional<StarterAttach> attach;
  std::vector<int> preserved_fds;  // the numbers under which the program gets descriptors of the starter's, ascending
  size_t engine_fds = 0;           // descriptors of the starter's that the hooks get, see take_engine_fds()
  int restart_count = 0;           // of this start, see StateRecord
  bool initialize = false;         // everything but the program, which waits for somebody to ask_start()
  std::optional<HealthPlan> health;
  std::optional<HealthPlan> readiness;  // looked at, and nothing is done about it
  bool post_start = false;              // there is something to be run once the program runs
  std::optional<NotifyPlan> notify;
  // The engine's own part, which the runtime carries without looking inside: network, auto-remove, ….
  Json engine;
  bool operator==(const LaunchPlan&) const = default;
};

Json to_json(const LaunchPlan& plan);
Result<LaunchPlan> launch_plan_from_json(const JsonReader& reader);

}  // namespace ctr::runtime
