// What the process has of processors, memory and disks: limits, CPUs, memory policy, priorities, scheduler.
#include <fmt/format.h>
#include <linux/ioprio.h>

#include <algorithm>

#include "runtime/compile_parts.h"
#include "runtime/kernel_names.h"
#include "runtime/number_list.h"

namespace ctr::runtime {
namespace {

// The parser has refused unknown names with their path; specs that were not parsed meet this.
Result<uint64_t> value_of(std::span<const KernelName> names, const std::string& name, std::string_view what) {
  const auto value = find_value(names, name);
  if (!value) return Error(Errc::invalid, fmt::format("'{}' is no {}", name, what));
  return *value;
}

Result<uint64_t> bits_of(std::span<const KernelName> names, const std::vector<std::string>& list,
                         std::string_view what) {
  uint64_t bits = 0;
  for (const std::string& name : list) bits |= TRY(value_of(names, name, what));
  return bits;
}

Result<std::string> mask_of(const std::string& list, unsigned highest, std::string_view what) {
  auto mask = parse_number_list(list, highest);
  if (!mask) return Error(Errc::invalid, fmt::format("'{}' is no list of {}", list, what));
  return std::move(*mask);
}

Result<ChildOp> rlimit_op(const SpecRlimit& limit) {
  const uint64_t resource = TRY(value_of(rlimit_names(), limit.type, "resource limit"));
  return ChildOp{.kind = ChildOpKind::set_rlimit, .x = resource, .y = limit.soft, .z = limit.hard};
}

std::string words_of(const SpecRlimit& limit) {
  return fmt::format("set {} to {}:{}", limit.type, limit.soft, limit.hard);
}

Result<ChildOp> scheduler_op(const SpecScheduler& scheduler, ProgramBuilder* out) {
  SchedAttr attributes;
  attributes.policy = static_cast<uint32_t>(TRY(value_of(scheduler_policies(), scheduler.policy, "policy")));
  attributes.flags = TRY(bits_of(scheduler_flags(), scheduler.flags, "scheduling flag"));
  attributes.nice = scheduler.nice;
  attributes.priority = scheduler.priority;
  attributes.runtime = scheduler.runtime;
  attributes.deadline = scheduler.deadline;
  attributes.period = scheduler.period;
  const std::string_view raw(reinterpret_cast<const char*>(&attributes), sizeof attributes);
  return ChildOp{.kind = ChildOpKind::set_scheduler, .text = out->bytes(raw)};
}

std::string words_of(const SpecScheduler& scheduler) {
  return fmt::format("set the scheduler to {}", scheduler.policy);
}

Result<ChildOp> io_priority_op(const SpecIoPriority& io) {
  const uint64_t io_class = TRY(value_of(io_priority_classes(), io.io_class, "class of I/O priority"));
  return ChildOp{.kind = ChildOpKind::set_io_priority, .x = IOPRIO_PRIO_VALUE(io_class, io.priority)};
}

std::string words_of(const SpecIoPriority& io) {
  return fmt::format("set the I/O priority to {} {}", io.io_class, io.priority);
}

void emit_cpus(std::string_view mask, ProgramBuilder* out) {
  out->add({.kind = ChildOpKind::set_cpus, .text = out->bytes(mask), .x = mask.size()});
}

// execCPUAffinity.final of an exec; else the cgroup's CPUs, where the launcher's own limit must not count.
Result<void> emit_affinity(const CompileInput& input, ProgramBuilder* out) {
  const SpecCpuAffinity& affinity = input.process.cpu_affinity;
  if (input.is_exec && !affinity.final_cpus.empty()) {
    const std::string mask = TRY(mask_of(affinity.final_cpus, k_highest_cpu, "CPUs"));
    out->act(fmt::format("run on CPUs {}", affinity.final_cpus));
    emit_cpus(mask, out);
    return ok();
  }
  const auto& resources = input.spec.linux_config.resources;
  const bool has_cpuset = resources && resources->cpu && !resources->cpu->cpus.empty();
  const bool was_moved = input.is_exec && !affinity.initial.empty();
  if (!has_cpuset && !was_moved && input.options.habits.cpus == ProcessHabits::Cpus::inherited) return ok();
  out->act("run on all CPUs of the cgroup");
  emit_cpus(std::string((k_highest_cpu + 1) / 8, '\xff'), out);
  return ok();
}

Result<void> emit_memory_policy(const SpecMemoryPolicy& policy, ProgramBuilder* out) {
  const uint64_t mode = TRY(value_of(memory_policy_modes(), policy.mode, "memory policy"));
  const uint64_t flags = TRY(bits_of(memory_policy_flags(), policy.flags, "memory policy flag"));
  const std::string mask = TRY(mask_of(policy.nodes, k_highest_node, "memory nodes"));
  out->act(fmt::format("set_mempolicy {}{}{}", policy.mode, policy.nodes.empty() ? "" : " of nodes ", policy.nodes));
  // The kernel takes one bit less than it is told of (get_nodes in mm/mempolicy.c).
  out->add({.kind = ChildOpKind::set_memory_policy,
            .text = out->bytes(mask),
            .x = mode | flags,
            .y = mask.empty() ? 0 : mask.size() * 8 + 1});
  return ok();
}

std::string words_of_oom_score(const SpecProcess& process) {
  return fmt::format("set oom_score_adj to {}", *process.oom_score_adj);
}

}  // namespace

void emit_oom_score(const SpecProcess& process, int16_t proc, ProgramBuilder* out) {
  out->act(words_of_oom_score(process));
  out->add({.kind = ChildOpKind::write_file,
            .b = proc,
            .text = out->text("self/oom_score_adj"),
            .more = out->text(std::to_string(*process.oom_score_adj))});
}

bool applies_outside(const CompileInput& input) { return input.user_namespace && input.host.privileged(); }

Result<void> emit_outside(const CompileInput& input, ProgramBuilder* out) {
  if (!applies_outside(input)) return ok();
  const SpecProcess& process = input.process;
  if (process.oom_score_adj && !input.is_exec) {
    out->act(words_of_oom_score(process));
    out->add_outside({.kind = ChildOpKind::write_file,
                      .text = out->text("oom_score_adj"),
                      .more = out->text(std::to_string(*process.oom_score_adj))});
  }
  for (const SpecRlimit& limit : process.rlimits) {
    const ChildOp op = TRY(rlimit_op(limit));
    out->act(words_of(limit));
    out->add_outside(op);
  }
  if (process.io_priority) {
    const ChildOp op = TRY(io_priority_op(*process.io_priority));
    out->act(words_of(*process.io_priority));
    out->add_outside(op);
  }
  if (process.scheduler) {
    const ChildOp op = TRY(scheduler_op(*process.scheduler, out));
    out->act(words_of(*process.scheduler));
    out->add_outside(op);
  }
  return ok();
}

Result<void> emit_rlimits(const CompileInput& input, ProgramBuilder* out) {
  std::vector<std::string_view> seen;
  for (const SpecRlimit& limit : input.process.rlimits) {
    const ChildOp op = TRY(rlimit_op(limit));
    if (std::find(seen.begin(), seen.end(), limit.type) != seen.end()) {
      return Error(Errc::invalid, fmt::format("resource limit '{}' is given twice", limit.type));
    }
    seen.push_back(limit.type);
    out->act(words_of(limit));
    out->add(op);
  }
  return ok();
}

Result<void> emit_scheduling(const CompileInput& input, ProgramBuilder* out) {
  const SpecProcess& process = input.process;
  TRY(emit_affinity(input, out));
  if (input.spec.linux_config.memory_policy) TRY(emit_memory_policy(*input.spec.linux_config.memory_policy, out));
  if (const std::string& domain = input.spec.linux_config.personality; !domain.empty()) {
    out->act(fmt::format("set the personality to {}", domain));
    out->add({.kind = ChildOpKind::set_personality, .x = TRY(value_of(personality_domains(), domain, "personality"))});
  }
  if (applies_outside(input)) return ok();
  if (process.io_priority) {
    const ChildOp op = TRY(io_priority_op(*process.io_priority));
    out->act(words_of(*process.io_priority));
    out->add(op);
  }
  // Last: a process under SCHED_DEADLINE can neither fork nor change its CPUs (sched(7)).
  if (process.scheduler) {
    const ChildOp op = TRY(scheduler_op(*process.scheduler, out));
    out->act(words_of(*process.scheduler));
    out->add(op);
  }
  return ok();
}

}  // namespace ctr::runtime
