#include "engine/limits.h"

namespace ctr::engine {

namespace {

template <typename T>
void replace(std::optional<T>& value, const std::optional<T>& change) {
  if (change) value = change;
}

void replace(std::string& value, const std::string& change) {
  if (!change.empty()) value = change;
}

}  // namespace

runtime::SpecResources runtime_limits(const ResourceSpec& limits) {
  return change_limits(runtime::SpecResources{}, limits);
}

ResourceSpec change_limits(ResourceSpec limits, const ResourceSpec& changes) {
  replace(limits.memory_bytes, changes.memory_bytes);
  replace(limits.memory_reservation_bytes, changes.memory_reservation_bytes);
  replace(limits.memory_swap_bytes, changes.memory_swap_bytes);
  replace(limits.pids, changes.pids);
  replace(limits.cpu_shares, changes.cpu_shares);
  replace(limits.cpu_period_us, changes.cpu_period_us);
  replace(limits.cpu_quota_us, changes.cpu_quota_us);
  replace(limits.cpuset_cpus, changes.cpuset_cpus);
  replace(limits.cpuset_mems, changes.cpuset_mems);
  return limits;
}

runtime::SpecResources change_limits(runtime::SpecResources limits, const ResourceSpec& changes) {
  auto memory = limits.memory.value_or(runtime::SpecMemory{});
  replace(memory.limit, changes.memory_bytes);
  replace(memory.reservation, changes.memory_reservation_bytes);
  replace(memory.swap, changes.memory_swap_bytes);
  if (memory != runtime::SpecMemory{}) limits.memory = memory;
  auto cpu = limits.cpu.value_or(runtime::SpecCpu{});
  replace(cpu.shares, changes.cpu_shares);
  replace(cpu.period, changes.cpu_period_us);
  replace(cpu.quota, changes.cpu_quota_us);
  replace(cpu.cpus, changes.cpuset_cpus);
  replace(cpu.mems, changes.cpuset_mems);
  if (cpu != runtime::SpecCpu{}) limits.cpu = std::move(cpu);
  replace(limits.pids_limit, changes.pids);
  return limits;
}

}  // namespace ctr::engine
