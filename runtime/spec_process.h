// SpecProcess: the process object of config.json as values, which exec takes by itself.
//
// Source: OCI runtime-spec 1.3, config.md, "Process".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ctr::runtime {

struct SpecUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;
  std::optional<uint32_t> umask;  // absent: 022
  bool operator==(const SpecUser&) const = default;
};

// Names such as "CAP_CHOWN". Unknown and ungrantable ones are dropped with a notice, as the specification says.
struct SpecCapabilities {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;
  std::vector<std::string> inheritable;
  std::vector<std::string> permitted;
  std::vector<std::string> ambient;
  bool operator==(const SpecCapabilities&) const = default;
};

struct SpecRlimit {
  std::string type;  // "RLIMIT_NOFILE"
  uint64_t soft = 0;
  uint64_t hard = 0;  // UINT64_MAX: unlimited
  bool operator==(const SpecRlimit&) const = default;
};

struct ConsoleSize {
  uint16_t height = 0;
  uint16_t width = 0;
  bool operator==(const ConsoleSize&) const = default;
};

// What sched_setattr(2) takes. Which fields go with which policy is checked when read.
struct SpecScheduler {
  std::string policy;  // "SCHED_BATCH"
  int nice = 0;
  unsigned priority = 0;           // of SCHED_FIFO and SCHED_RR
  std::vector<std::string> flags;  // "SCHED_FLAG_RESET_ON_FORK"
  uint64_t runtime = 0;            // of SCHED_DEADLINE, in nanoseconds, as the next two
  uint64_t deadline = 0;
  uint64_t period = 0;  // 0: as the deadline
  bool operator==(const SpecScheduler&) const = default;
};

struct SpecIoPriority {
  std::string io_class;   // "IOPRIO_CLASS_BE"
  unsigned priority = 0;  // 0 (highest) to 7
  bool operator==(const SpecIoPriority&) const = default;
};

// Of processes exec starts; lists as "0-3,7", empty: not changed.
struct SpecCpuAffinity {
  std::string initial;     // of the launcher, and of the process until it is in the container's cgroup
  std::string final_cpus;  // "final": of the process in there
  bool operator==(const SpecCpuAffinity&) const = default;
};

struct SpecProcess {
  bool terminal = false;
  std::optional<ConsoleSize> console_size;  // counts with a terminal only
  SpecUser user;
  std::vector<std::string> args;
  std::vector<std::string> env;  // KEY=VALUE, exactly what the program sees
  std::string cwd = "/";
  std::optional<SpecCapabilities> capabilities;  // absent: none
  std::vector<SpecRlimit> rlimits;
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;
  std::string apparmor_profile;
  std::string selinux_label;
  std::optional<SpecScheduler> scheduler;
  std::optional<SpecIoPriority> io_priority;
  SpecCpuAffinity cpu_affinity;  // execCPUAffinity
  bool operator==(const SpecProcess&) const = default;
};

// The process object alone, as exec takes it.
Json to_json(const SpecProcess& process);
Result<SpecProcess> process_from_json(const JsonReader& reader);

}  // namespace ctr::runtime
