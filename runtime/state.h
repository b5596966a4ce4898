// StateRecord: what the last start of a container was and how it ended (`containers/<id>/state.json`).
//
// The file never says "running". That is the lock `alive`, which the monitor holds for its life; the record only names
// the processes, so that what a killed monitor left can be found.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace ctr::runtime {

inline constexpr const char* k_state_file = "state.json";
inline constexpr const char* k_alive_lock = "alive";

// A process that cannot be mistaken for a later one with the same number, within one boot.
struct ProcessRef {
  pid_t pid = 0;
  uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat, clock ticks since boot
  bool operator==(const ProcessRef&) const = default;
};
// Errors: not_found when there is no such process.
Result<ProcessRef> process_ref(pid_t pid);
// A pidfd for exactly that process. Errors: not_found when it is gone or its number belongs to another one.
Result<Fd> open_process(const ProcessRef& process);
// /proc/sys/kernel/random/boot_id.
Result<std::string> read_boot_id();

struct StateRecord {
  std::string boot_id;                // of the last start
  std::optional<ProcessRef> monitor;  // of the last start
  std::optional<ProcessRef> init;     // set shortly before the program starts
  std::string cgroup_path;            // below the v2 mount point; empty without one
  std::optional<TimePoint> started;   // of the last start that worked
  std::optional<TimePoint> finished;
  int exit_code = 0;  // of the program; 128 + signal when it was killed
  bool oom_killed = false;
  std::string error;             // why the last start failed
  int restart_count = 0;         // starts by the restart policy since the last one by a user
  bool restart_pending = false;  // `monitor`, which has seen the end, waits to start it again
  bool stopped_by_user = false;  // stop or a deadly kill came before the end: only a user starts it again
  bool initialized = false;      // `init` is set up and waits to be started; `started` and the rest are of before
  bool operator==(const StateRecord&) const = default;
};

Json to_json(const StateRecord& record);
Result<StateRecord> state_record_from_json(const JsonReader& reader);
// A container that was never started has no file: an empty record.
Result<StateRecord> read_state(const Dir& container_dir);
// By rename, not synced: after a power cut the container has simply ended.
Result<void> write_state(const Dir& container_dir, const StateRecord& record);

enum class Liveness {
  never_started,  // also: the only starts so far have failed, or nobody went on from the last `init`
  running,        // a monitor holds the lock
  ended,          // the record says how; without `finished`, the monitor or the machine died
  orphaned,       // no monitor, but the program is still there: kill_orphan()
};
// A container's record together with what the kernel says, consistent with each other although monitors start and end
// meanwhile. An end without a witness is settled.
struct Observation {
  StateRecord record;
  Liveness liveness = Liveness::never_started;
};
Result<Observation> observe(const Dir& container_dir);
// The same for the directory `id` of `containers`, without opening it.
Result<Observation> observe(const Dir& containers, std::string_view id);
// How an end without a witness reads: exit code 137, finished at an unknown time (left empty).
StateRecord settle(StateRecord record);
// Kills the program that outlived its monitor and waits until it is gone. Does nothing when there is none.
Result<void> kill_orphan(const StateRecord& record);

}  // namespace ctr::runtime
