// Codec of what a process object says about processor and disk time: scheduler, ioPriority, execCPUAffinity.
#include <fmt/format.h>

#include <limits>

#include "runtime/kernel_names.h"
#include "runtime/number_list.h"
#include "runtime/spec_codec.h"
#include "runtime/spec_scheduling.h"

namespace ctr::runtime {
namespace {

Error contradiction(const JsonReader& reader, std::string_view words) {
  return Error(Errc::invalid, fmt::format("{}: {}", reader.path(), words));
}

bool is_real_time(const SpecScheduler& scheduler) {
  return scheduler.policy == "SCHED_FIFO" || scheduler.policy == "SCHED_RR";
}

// Source: sched_setattr(2), "SCHED_DEADLINE": 1024 <= runtime <= deadline <= period, below 2^63 nanoseconds.
Result<void> check_deadline(const JsonReader& reader, const SpecScheduler& scheduler) {
  constexpr uint64_t k_least_runtime = 1024;
  constexpr uint64_t k_limit = std::numeric_limits<int64_t>::max();
  if (scheduler.policy != "SCHED_DEADLINE") {
    if (scheduler.runtime == 0 && scheduler.deadline == 0 && scheduler.period == 0) return ok();
    return contradiction(
        reader, fmt::format("runtime, deadline and period go with SCHED_DEADLINE, not with {}", scheduler.policy));
  }
  if (scheduler.runtime < k_least_runtime) {
    return reader.wrong("runtime", fmt::format("{} nanoseconds or more: it is {}", k_least_runtime, scheduler.runtime));
  }
  const uint64_t period = scheduler.period == 0 ? scheduler.deadline : scheduler.period;
  if (scheduler.deadline < scheduler.runtime || period < scheduler.deadline || period > k_limit) {
    return contradiction(reader, fmt::format("runtime {} <= deadline {} <= period {} does not hold", scheduler.runtime,
                                             scheduler.deadline, scheduler.period));
  }
  return ok();
}

Result<void> check_scheduler(const JsonReader& reader, const SpecScheduler& scheduler) {
  if (!find_value(scheduler_policies(), scheduler.policy)) return reader.wrong("policy", "a scheduling policy");
  TRY(check_names(reader, "flags", scheduler.flags, scheduler_flags(), "a scheduling flag"));
  // Source: sched(7). What nice means with other policies than SCHED_OTHER and SCHED_BATCH: nothing.
  if (scheduler.nice < -20 || scheduler.nice > 19) return reader.wrong("nice", "between -20 and 19");
  if (is_real_time(scheduler)) {
    if (scheduler.priority < 1 || scheduler.priority > 99) {
      return reader.wrong("priority", fmt::format("between 1 and 99, as {} needs it", scheduler.policy));
    }
  } else if (scheduler.priority != 0) {
    return reader.wrong("priority", fmt::format("0, the only one of {}", scheduler.policy));
  }
  return check_deadline(reader, scheduler);
}

Result<int> read_int(const JsonReader& reader, std::string_view key) {
  const int64_t value = TRY(reader.int_or(key, 0));
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
    return reader.wrong(key, "a number in range");
  }
  return static_cast<int>(value);
}

Result<std::string> read_cpus(const JsonReader& reader, std::string_view key) {
  std::string list = TRY(reader.string_or(key, ""));
  if (!parse_number_list(list, k_highest_cpu)) return reader.wrong(key, "a list of CPUs such as '0-3,7'");
  return list;
}

}  // namespace

Json to_json(const SpecScheduler& scheduler) {
  Json out = Json::object();
  out.set("policy", scheduler.policy).set("nice", scheduler.nice).set("priority", scheduler.priority);
  set_strings(&out, "flags", scheduler.flags);
  if (scheduler.runtime != 0) out.set("runtime", scheduler.runtime);
  if (scheduler.deadline != 0) out.set("deadline", scheduler.deadline);
  if (scheduler.period != 0) out.set("period", scheduler.period);
  return out;
}

Result<SpecScheduler> scheduler_from_json(const JsonReader& reader) {
  SpecScheduler scheduler;
  scheduler.policy = TRY(reader.get_string("policy"));
  scheduler.nice = TRY(read_int(reader, "nice"));
  const int priority = TRY(read_int(reader, "priority"));
  if (priority < 0) return reader.wrong("priority", "a priority: it is negative");
  scheduler.priority = static_cast<unsigned>(priority);
  scheduler.flags = TRY(reader.strings("flags"));
  scheduler.runtime = TRY(reader.uint_or("runtime", 0));
  scheduler.deadline = TRY(reader.uint_or("deadline", 0));
  scheduler.period = TRY(reader.uint_or("period", 0));
  TRY(check_scheduler(reader, scheduler));
  return scheduler;
}

Json to_json(const SpecIoPriority& io) {
  Json out = Json::object();
  out.set("class", io.io_class).set("priority", io.priority);
  return out;
}

Result<SpecIoPriority> io_priority_from_json(const JsonReader& reader) {
  SpecIoPriority io;
  io.io_class = TRY(reader.get_string("class"));
  if (!find_value(io_priority_classes(), io.io_class)) return reader.wrong("class", "a class of I/O priority");
  // Required by the specification, but without meaning for IOPRIO_CLASS_IDLE: runc takes 0 for absent.
  const int64_t priority = TRY(reader.int_or("priority", 0));
  if (priority < 0 || priority > 7) return reader.wrong("priority", "between 0 and 7");
  io.priority = static_cast<unsigned>(priority);
  return io;
}

Json to_json(const SpecCpuAffinity& affinity) {
  Json out = Json::object();
  set_text(&out, "initial", affinity.initial);
  set_text(&out, "final", affinity.final_cpus);
  return out;
}

Result<SpecCpuAffinity> cpu_affinity_from_json(const JsonReader& reader) {
  SpecCpuAffinity affinity;
  affinity.initial = TRY(read_cpus(reader, "initial"));
  affinity.final_cpus = TRY(read_cpus(reader, "final"));
  return affinity;
}

}  // namespace ctr::runtime
