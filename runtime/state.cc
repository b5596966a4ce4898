#include "runtime/state.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "base/lock.h"
#include "base/parse.h"
#include "base/record_file.h"
#include "base/text.h"

namespace ctr::runtime {

namespace {

constexpr int k_schema = 1;
// How a program ends whose monitor or machine died: nobody saw it, but only SIGKILL can have been it.
constexpr int k_killed = 128 + SIGKILL;
// A killed process with much memory takes its time; one that takes longer hangs in the kernel.
constexpr int k_kill_wait_ms = 10'000;

std::optional<TimePoint> from_text(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  Result<TimePoint> time = parse_rfc3339(*text, k_state_file);
  return time ? std::optional(*time) : std::nullopt;
}

Json to_json(const std::optional<TimePoint>& time) { return time ? Json(format_rfc3339_nano(*time)) : Json(); }

Json to_json(const std::optional<ProcessRef>& process) {
  if (!process) return Json();
  return Json::object().set("pid", int64_t{process->pid}).set("start_ticks", process->start_ticks);
}

Result<std::optional<ProcessRef>> process_from(const JsonReader& reader, std::string_view key) {
  std::optional<JsonReader> process = TRY(reader.find_object(key));
  if (!process) return std::optional<ProcessRef>();
  ProcessRef ref;
  ref.pid = static_cast<pid_t>(TRY(process->get_int("pid")));
  ref.start_ticks = TRY(process->get_uint("start_ticks"));
  return std::optional(ref);
}

}  // namespace

Result<ProcessRef> process_ref(pid_t pid) {
  std::string what = "process " + std::to_string(pid);
  Result<std::string> stat = read_kernel_file("/proc/" + std::to_string(pid) + "/stat");
  // ESRCH: it was reaped between open and read.
  if (!stat && stat.error().sys() == ESRCH) return Error(Errc::not_found, what + " has ended");
  if (!stat) return std::move(stat).error();
  // The second field is the program's name in parentheses, which may contain both spaces and parentheses.
  size_t end_of_name = stat->rfind(')');
  if (end_of_name == std::string::npos) return Error(Errc::internal, what + " has no name in /proc");
  std::vector<std::string> fields = split(std::string_view(*stat).substr(end_of_name + 1), ' ');
  constexpr size_t k_start_time = 22 - 2;  // fields[0] is the empty text before field 3
  if (fields.size() <= k_start_time) return Error(Errc::internal, what + " has no start time in /proc");
  uint64_t ticks = TRY(parse_unsigned(fields[k_start_time], what, UINT64_MAX));
  return ProcessRef{pid, ticks};
}

Result<Fd> open_process(const ProcessRef& process) {
  std::string what = "process " + std::to_string(process.pid);
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  // EINVAL: the number lives on as that of a process group or session, whose first process has ended.
  if (!pidfd.valid() && (errno == ESRCH || errno == EINVAL)) return Error(Errc::not_found, what + " has ended");
  if (!pidfd.valid()) return Error::from_errno("open " + what);
  // The descriptor is open, so the number cannot pass to a third process between the two steps.
  ProcessRef found = TRY(process_ref(process.pid));
  if (found != process) return Error(Errc::not_found, what + " has ended; its number belongs to another one");
  pollfd entry = {pidfd.get(), POLLIN, 0};
  if (::poll(&entry, 1, 0) != 0) return Error(Errc::not_found, what + " has ended; nobody has waited for it yet");
  return pidfd;
}

Result<std::string> read_boot_id() {
  std::string text = TRY(read_kernel_file("/proc/sys/kernel/random/boot_id"));
  return std::string(trim(text));
}

Json to_json(const StateRecord& record) {
  Json json = Json::object();
  json.set("schema", k_schema)
      .set("boot_id", record.boot_id)
      .set("monitor", to_json(record.monitor))
      .set("init", to_json(record.init))
      .set("cgroup_path", record.cgroup_path)
      .set("started", to_json(record.started))
      .set("finished", to_json(record.finished))
      .set("exit_code", record.exit_code)
      .set("oom_killed", record.oom_killed)
      .set("error", record.error)
      .set("restart_count", record.restart_count);
  if (record.restart_pending) json.set("restart_pending", true);
  if (record.stopped_by_user) json.set("stopped_by_user", true);
  if (record.initialized) json.set("initialized", true);
  return json;
}

Result<StateRecord> state_record_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  int64_t schema = TRY(reader.get_int("schema"));
  if (schema > k_schema) {
    return Error(Errc::unsupported, reader.path() + " has schema " + std::to_string(schema) + "; this ctr knows " +
                                        std::to_string(k_schema));
  }
  StateRecord record;
  record.boot_id = TRY(reader.string_or("boot_id", ""));
  record.monitor = TRY(process_from(reader, "monitor"));
  record.init = TRY(process_from(reader, "init"));
  record.cgroup_path = TRY(reader.string_or("cgroup_path", ""));
  record.started = from_text(TRY(reader.find_string("started")));
  record.finished = from_text(TRY(reader.find_string("finished")));
  record.exit_code = static_cast<int>(TRY(reader.int_or("exit_code", 0)));
  record.oom_killed = TRY(reader.bool_or("oom_killed", false));
  record.error = TRY(reader.string_or("error", ""));
  record.restart_count = static_cast<int>(TRY(reader.int_or("restart_count", 0)));
  record.restart_pending = TRY(reader.bool_or("restart_pending", false));
  record.stopped_by_user = TRY(reader.bool_or("stopped_by_user", false));
  record.initialized = TRY(reader.bool_or("initialized", false));
  return record;
}

namespace {

// `file` is the record's path below `dir`.
Result<StateRecord> read_state_file(const Dir& dir, const std::string& file) {
  Result<std::string> text = read_record_file(dir, file);
  if (!text && text.error().code() == Errc::not_found) return StateRecord();
  if (!text) return std::move(text).error();
  Json json = TRY(parse_own_json(*text, k_state_file));
  return state_record_from_json(JsonReader(json, k_state_file));
}

}  // namespace

Result<StateRecord> read_state(const Dir& container_dir) { return read_state_file(container_dir, k_state_file); }

Result<void> write_state(const Dir& container_dir, const StateRecord& record) {
  return container_dir.write_file(k_state_file, dump_json(to_json(record)) + "\n", Sync::no);
}

namespace {

// The program of a record that nobody watches, if it is there. Errors: not_found.
Result<Fd> open_orphan(const StateRecord& record) {
  if (!record.init || (record.finished && !record.initialized)) return Error(Errc::not_found, "no program is left");
  std::string boot_id = TRY(read_boot_id());
  if (boot_id != record.boot_id) return Error(Errc::not_found, "the machine was restarted");
  return open_process(*record.init);
}

// What a record means while nobody holds the lock.
Result<Liveness> liveness_without_monitor(const StateRecord& record) {
  if (!record.started && !record.finished && !record.init) return Liveness::never_started;
  Result<Fd> orphan = open_orphan(record);
  if (orphan) return Liveness::orphaned;
  if (orphan.error().code() != Errc::not_found) return std::move(orphan).error();
  return record.started || record.finished ? Liveness::ended : Liveness::never_started;
}

Result<Observation> observe_files(const Dir& dir, const std::string& state_file, const std::string& lock) {
  // A monitor writes its last record before it gives the lock back, so a record that is read behind a free lock is the
  // last word, unless another start has come between. That shows as a run without an end, and is looked at again: at
  // the second look the same record behind a free lock again is one that nobody is going to finish.
  std::optional<StateRecord> unfinished;
  for (;;) {
    bool locked = TRY(is_locked(dir, lock));
    StateRecord record = TRY(read_state_file(dir, state_file));
    if (locked) return Observation{std::move(record), Liveness::running};
    const bool settled = !record.initialized && (!record.started || record.finished);
    if (settled || unfinished == record) {
      Liveness liveness = TRY(liveness_without_monitor(record));
      if (liveness != Liveness::orphaned) record = settle(std::move(record));
      return Observation{std::move(record), liveness};
    }
    unfinished = std::move(record);
  }
}

}  // namespace

Result<Observation> observe(const Dir& container_dir) {
  return observe_files(container_dir, k_state_file, k_alive_lock);
}

Result<Observation> observe(const Dir& containers, std::string_view id) {
  const std::string below = std::string(id) + "/";
  return observe_files(containers, below + k_state_file, below + k_alive_lock);
}

StateRecord settle(StateRecord record) {
  if (record.initialized) {
    // Its program has never run: what came before counts.
    record.initialized = false;
    record.init.reset();
    record.monitor.reset();
    record.cgroup_path.clear();
    return record;
  }
  if (record.started && !record.finished && record.init) {
    record.exit_code = k_killed;
    record.init.reset();
    record.monitor.reset();
  }
  return record;
}

Result<void> kill_orphan(const StateRecord& record) {
  Result<Fd> pidfd = open_orphan(record);
  if (!pidfd && pidfd.error().code() == Errc::not_found) return ok();
  if (!pidfd) return std::move(pidfd).error();
  if (::syscall(SYS_pidfd_send_signal, pidfd->get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH) {
    return Error::from_errno("kill the container's process " + std::to_string(record.init->pid));
  }
  pollfd entry = {pidfd->get(), POLLIN, 0};
  int ready = -1;
  do ready = ::poll(&entry, 1, k_kill_wait_ms);
  while (ready < 0 && errno == EINTR);
  if (ready < 0) return Error::from_errno("poll");
  if (ready == 0) {
    return Error(Errc::timed_out,
                 "the container's process " + std::to_string(record.init->pid) + " does not end 10 s after SIGKILL");
  }
  return ok();
}

}  // namespace ctr::runtime
