#include "runtime/cgroup_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ctr::runtime {
namespace {

std::string amount(int64_t value) { return value < 0 ? "max" : std::to_string(value); }

void add_memory(const SpecMemory& memory, std::vector<CgroupSetting>* out) {
  const auto add = [&](const char* file, std::string value) {
    out->push_back({.file = file, .value = std::move(value), .controller = "memory", .subject = "memory"});
  };
  if (memory.limit && *memory.limit != 0) add("memory.max", amount(*memory.limit));
  if (memory.reservation && *memory.reservation != 0) add("memory.low", amount(*memory.reservation));
  if (memory.swap && *memory.swap != 0) {
    // v1 counted memory and swap together, v2 counts swap alone.
    const int64_t limit = memory.limit.value_or(0);
    const bool both = *memory.swap > 0 && limit > 0;
    add("memory.swap.max", amount(both ? std::max<int64_t>(*memory.swap - limit, 0) : *memory.swap));
  }
}

void add_cpu(const SpecCpu& cpu, std::vector<CgroupSetting>* out) {
  const auto add = [&](const char* controller, const char* file, std::string value) {
    out->push_back({.file = file, .value = std::move(value), .controller = controller, .subject = "cpu"});
  };
  if (cpu.shares && *cpu.shares != 0) add("cpu", "cpu.weight", std::to_string(cpu_weight(*cpu.shares)));
  if (cpu.quota || cpu.period) {
    // 100000: the kernel's default period.
    const int64_t quota = cpu.quota.value_or(-1);
    add("cpu", "cpu.max", fmt::format("{} {}", quota > 0 ? std::to_string(quota) : "max", cpu.period.value_or(100000)));
  }
  if (cpu.burst) add("cpu", "cpu.max.burst", std::to_string(*cpu.burst));
  if (cpu.idle) add("cpu", "cpu.idle", std::to_string(*cpu.idle));
  if (!cpu.cpus.empty()) add("cpuset", "cpuset.cpus", cpu.cpus);
  if (!cpu.mems.empty()) add("cpuset", "cpuset.mems", cpu.mems);
}

void add_throttles(const std::vector<SpecBlockIo::Throttle>& throttles, const char* key,
                   std::vector<CgroupSetting>* out) {
  for (const SpecBlockIo::Throttle& throttle : throttles) {
    out->push_back({.file = "io.max",
                    .value = fmt::format("{}:{} {}={}", throttle.major, throttle.minor, key, throttle.rate),
                    .controller = "io",
                    .subject = "block i/o"});
  }
}

void add_block_io(const SpecBlockIo& io, std::vector<CgroupSetting>* out) {
  if (io.weight && *io.weight != 0) {
    // 10 to 1000 of v1 on 1 to 10000 of v2.
    const unsigned weight = 1 + (std::max<unsigned>(*io.weight, 10) - 10) * 9999 / 990;
    out->push_back({.file = "io.weight", .value = std::to_string(weight), .controller = "io", .subject = "block i/o"});
  }
  add_throttles(io.read_bps, "rbps", out);
  add_throttles(io.write_bps, "wbps", out);
  add_throttles(io.read_iops, "riops", out);
  add_throttles(io.write_iops, "wiops", out);
}

}  // namespace

uint64_t cpu_weight(uint64_t shares) {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  // Goes through (2, 1), (1024, 100) and (262144, 10000): crun 1.23 and runc 1.3.2 agreed on this curve, since the
  // straight line gave the default of 1024 a weight of 39.
  const double l = std::log2(static_cast<double>(shares));
  return static_cast<uint64_t>(std::ceil(std::pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0)));
}

std::vector<CgroupSetting> cgroup_settings(const SpecResources& resources) {
  std::vector<CgroupSetting> out;
  if (resources.memory) add_memory(*resources.memory, &out);
  if (resources.cpu) add_cpu(*resources.cpu, &out);
  if (resources.pids_limit && *resources.pids_limit != 0) {
    out.push_back({.file = "pids.max",
                   .value = amount(*resources.pids_limit),
                   .controller = "pids",
                   .subject = "the number of processes"});
  }
  if (resources.block_io) add_block_io(*resources.block_io, &out);
  for (const auto& [file, value] : resources.unified) {
    const std::string controller = file.substr(0, file.find('.'));
    out.push_back({.file = file,
                   .value = value,
                   .controller = controller == "cgroup" ? "" : controller,
                   .subject = fmt::format("'{}'", file)});
  }
  return out;
}

}  // namespace ctr::runtime
