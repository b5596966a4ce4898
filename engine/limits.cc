#include "engine/limits.h"

#include <fmt/format.h>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::engine {

namespace {

template <typename T>
void replace(std::optional<T>& value, const std::optional<T>& change) {
  if (change) value = change;
}

void replace(std::string& value, const std::string& change) {
  if (!change.empty()) value = change;
}

void replace(std::vector<DeviceLimit>& value, const std::vector<DeviceLimit>& change) {
  if (!change.empty()) value = change;
}

// The others of the same device stay: the kernel keeps one limit of each.
void change_throttles(std::vector<runtime::SpecBlockIo::Throttle>& throttles, const std::vector<DeviceLimit>& changes) {
  for (const auto& change : changes) {
    std::erase_if(throttles, [&](const auto& old) { return old.major == change.major && old.minor == change.minor; });
    throttles.push_back({change.major, change.minor, change.value});
  }
}

void change_block_io(runtime::SpecResources& limits, const ResourceSpec& changes) {
  auto io = limits.block_io.value_or(runtime::SpecBlockIo{});
  replace(io.weight, changes.blkio_weight);
  for (const auto& change : changes.blkio_weight_devices) {
    std::erase_if(io.weight_devices,
                  [&](const auto& old) { return old.major == change.major && old.minor == change.minor; });
    io.weight_devices.push_back({change.major, change.minor, static_cast<uint16_t>(change.value), std::nullopt});
  }
  change_throttles(io.read_bps, changes.read_bps);
  change_throttles(io.write_bps, changes.write_bps);
  change_throttles(io.read_iops, changes.read_iops);
  change_throttles(io.write_iops, changes.write_iops);
  if (io != runtime::SpecBlockIo{}) limits.block_io = std::move(io);
}

Result<std::optional<int64_t>> device_number(const std::string& text, const std::string& rule) {
  if (text == "*") return std::optional<int64_t>();
  const auto number = parse_unsigned(text, "a device number", UINT32_MAX);
  if (!number)
    return Error(Errc::invalid, fmt::format("invalid device number in device cgroup rule: \"{}\"", printable(rule)));
  return std::optional(static_cast<int64_t>(*number));
}

}  // namespace

Result<runtime::SpecDeviceRule> parse_device_rule(const std::string& text) {
  const auto words = split(text, ' ');
  const auto numbers = words.size() == 3 ? split_once(words[1], ':') : std::nullopt;
  if (!numbers) {
    return Error(Errc::invalid, fmt::format("invalid device cgroup rule requires type, major:Minor, and access rules: "
                                            "\"{}\"",
                                            printable(text)));
  }
  if (words[0] != "a" && words[0] != "b" && words[0] != "c") {
    return Error(Errc::invalid, fmt::format("invalid device type in device-access-add: {}", printable(words[0])));
  }
  if (words[2].empty() || words[2].find_first_not_of("rwm") != std::string::npos) {
    return Error(Errc::invalid, fmt::format("invalid device access in device-access-add: {}", printable(words[2])));
  }
  return runtime::SpecDeviceRule{.allow = true,
                                 .type = words[0],
                                 .major = TRY(device_number(numbers->first, text)),
                                 .minor = TRY(device_number(numbers->second, text)),
                                 .access = words[2]};
}

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
  replace(limits.swappiness, changes.swappiness);
  limits.oom_kill_disable = limits.oom_kill_disable || changes.oom_kill_disable;
  replace(limits.blkio_weight, changes.blkio_weight);
  replace(limits.blkio_weight_devices, changes.blkio_weight_devices);
  replace(limits.read_bps, changes.read_bps);
  replace(limits.write_bps, changes.write_bps);
  replace(limits.read_iops, changes.read_iops);
  replace(limits.write_iops, changes.write_iops);
  for (const auto& [file, value] : changes.unified) limits.unified[file] = value;
  return limits;
}

runtime::SpecResources change_limits(runtime::SpecResources limits, const ResourceSpec& changes) {
  auto memory = limits.memory.value_or(runtime::SpecMemory{});
  replace(memory.limit, changes.memory_bytes);
  replace(memory.reservation, changes.memory_reservation_bytes);
  replace(memory.swap, changes.memory_swap_bytes);
  replace(memory.swappiness, changes.swappiness);
  memory.disable_oom_killer = memory.disable_oom_killer || changes.oom_kill_disable;
  if (memory != runtime::SpecMemory{}) limits.memory = memory;
  auto cpu = limits.cpu.value_or(runtime::SpecCpu{});
  replace(cpu.shares, changes.cpu_shares);
  replace(cpu.period, changes.cpu_period_us);
  replace(cpu.quota, changes.cpu_quota_us);
  replace(cpu.cpus, changes.cpuset_cpus);
  replace(cpu.mems, changes.cpuset_mems);
  if (cpu != runtime::SpecCpu{}) limits.cpu = std::move(cpu);
  replace(limits.pids_limit, changes.pids);
  change_block_io(limits, changes);
  for (const auto& [file, value] : changes.unified) limits.unified[file] = value;
  return limits;
}

}  // namespace ctr::engine
