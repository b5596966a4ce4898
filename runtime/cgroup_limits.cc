#include "runtime/cgroup_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::runtime {
namespace {

using Settings = std::vector<CgroupSetting>;
using Missing = CgroupSetting::Missing;

std::string amount(int64_t value) { return value < 0 ? "max" : std::to_string(value); }

Error only_v1(const char* what) { return {Errc::unsupported, fmt::format("{} exists with cgroup v1 only", what)}; }

// What v2 has nothing for is refused: a limit that is not there must not look like one.
Result<void> refuse_v1(const SpecResources& resources) {
  if (resources.memory) {
    const SpecMemory& memory = *resources.memory;
    if (memory.swappiness) return only_v1("memory.swappiness");
    if (memory.disable_oom_killer) return only_v1("memory.disableOOMKiller");
    if (memory.kernel && *memory.kernel != 0) return only_v1("memory.kernel");
    if (memory.kernel_tcp && *memory.kernel_tcp != 0) return only_v1("memory.kernelTCP");
  }
  if (resources.cpu) {
    if (resources.cpu->realtime_period.value_or(0) != 0) return only_v1("cpu.realtimePeriod");
    if (resources.cpu->realtime_runtime.value_or(0) != 0) return only_v1("cpu.realtimeRuntime");
  }
  if (resources.block_io) {
    if (resources.block_io->leaf_weight.value_or(0) != 0) return only_v1("blockIO.leafWeight");
    for (const SpecBlockIo::Weight& device : resources.block_io->weight_devices) {
      if (device.leaf_weight.value_or(0) != 0) return only_v1("blockIO.weightDevice.leafWeight");
    }
  }
  if (resources.network && *resources.network != SpecNetworkClass{}) return only_v1("network (classID, priorities)");
  return ok();
}

Result<void> check_memory(const SpecMemory& memory) {
  if (memory.swap.value_or(0) <= 0) return ok();
  if (memory.limit.value_or(0) <= 0) {
    return Error(Errc::invalid, "swap cannot be limited without a limit of memory: the two are counted together");
  }
  if (*memory.swap < *memory.limit) {
    return Error(Errc::invalid,
                 fmt::format("the limit of memory and swap together, {}, is below the limit of memory, {}",
                             *memory.swap, *memory.limit));
  }
  return ok();
}

void add_memory(const SpecMemory& memory, Settings* out) {
  const auto add = [&](const char* file, std::string value, Missing missing) {
    out->push_back(
        {.file = file, .value = std::move(value), .controller = "memory", .subject = "memory", .missing = missing});
  };
  // Swap comes first: a lower memory.max pushes pages out at once, and must find the room that they may have.
  if (const auto swap = swap_limit(memory)) add("memory.swap.max", amount(*swap), Missing::only_no_swap);
  if (memory.limit && *memory.limit != 0) add("memory.max", amount(*memory.limit), Missing::refused);
  if (memory.reservation && *memory.reservation != 0) add("memory.low", amount(*memory.reservation), Missing::refused);
}

Result<void> add_cpu(const SpecCpu& cpu, Settings* out) {
  const auto add = [&](const char* controller, const char* file, std::string value) {
    out->push_back({.file = file, .value = std::move(value), .controller = controller, .subject = "cpu"});
  };
  const bool idle = cpu.idle.value_or(0) != 0;
  const bool weight = cpu.shares && *cpu.shares != 0;
  if (idle && weight) return Error(Errc::invalid, "cpu.idle and cpu.shares exclude each other");
  // The kernel takes no weight for a cgroup that is idle.
  if (cpu.idle) add("cpu", "cpu.idle", std::to_string(*cpu.idle));
  if (weight) add("cpu", "cpu.weight", std::to_string(cpu_weight(*cpu.shares)));
  if (cpu.quota.value_or(0) != 0 || cpu.period.value_or(0) != 0) {
    const int64_t quota = cpu.quota.value_or(0);
    const uint64_t period = cpu.period.value_or(0) == 0 ? k_default_cpu_period_us : *cpu.period;
    // The burst must not be above the quota at any time.
    if (cpu.burst) add("cpu", "cpu.max.burst", "0");
    add("cpu", "cpu.max", fmt::format("{} {}", quota > 0 ? std::to_string(quota) : "max", period));
  }
  if (cpu.burst) add("cpu", "cpu.max.burst", std::to_string(*cpu.burst));
  if (!cpu.cpus.empty()) add("cpuset", "cpuset.cpus", cpu.cpus);
  if (!cpu.mems.empty()) add("cpuset", "cpuset.mems", cpu.mems);
  return ok();
}

void add_throttles(const std::vector<SpecBlockIo::Throttle>& throttles, const char* key, Settings* out) {
  for (const SpecBlockIo::Throttle& throttle : throttles) {
    // 0 lifts the limit, as in v1.
    const std::string rate = throttle.rate == 0 ? "max" : std::to_string(throttle.rate);
    out->push_back({.file = "io.max",
                    .value = fmt::format("{}:{} {}={}", throttle.major, throttle.minor, key, rate),
                    .controller = "io",
                    .subject = "block i/o"});
  }
}

// A scheduler that honours weights is bfq (io.bfq.weight, which takes them as they are) or the kernel's cost model
// (io.weight). The file of bfq exists once its module is loaded.
Result<void> add_weight(const std::string& prefix, uint16_t weight, Settings* out) {
  if (weight < 10 || weight > 1000) {
    return Error(Errc::invalid, fmt::format("block i/o weight {} is not within 10 and 1000", weight));
  }
  out->push_back({.file = "io.bfq.weight",
                  .value = fmt::format("{}{}", prefix, weight),
                  .controller = "io",
                  .subject = "block i/o",
                  .missing = Missing::other,
                  .other_file = "io.weight",
                  .other_value = fmt::format("{}{}", prefix, io_weight(weight))});
  return ok();
}

Result<void> add_block_io(const SpecBlockIo& io, Settings* out) {
  if (io.weight.value_or(0) != 0) TRY(add_weight("", *io.weight, out));
  for (const SpecBlockIo::Weight& device : io.weight_devices) {
    if (device.weight.value_or(0) == 0) continue;
    TRY(add_weight(fmt::format("{}:{} ", device.major, device.minor), *device.weight, out));
  }
  add_throttles(io.read_bps, "rbps", out);
  add_throttles(io.write_bps, "wbps", out);
  add_throttles(io.read_iops, "riops", out);
  add_throttles(io.write_iops, "wiops", out);
  return ok();
}

// Reservations count what a program may have to rely on without a SIGBUS; kernels before 5.7 do not have them.
Result<void> add_hugepages(const SpecHugepageLimit& limit, Settings* out) {
  if (limit.page_size.empty() || limit.page_size.find_first_not_of("0123456789KMGB") != std::string::npos) {
    return Error(Errc::invalid,
                 fmt::format("'{}' is not a size of huge pages, such as 2MB", printable(limit.page_size)));
  }
  const auto add = [&](const char* suffix, Missing missing) {
    out->push_back({.file = fmt::format("hugetlb.{}.{}", limit.page_size, suffix),
                    .value = std::to_string(limit.limit),
                    .controller = "hugetlb",
                    .subject = "huge pages",
                    .missing = missing});
  };
  add("rsvd.max", Missing::nothing);
  add("max", Missing::refused);
  return ok();
}

void add_rdma(const std::string& device, const SpecRdma& limits, Settings* out) {
  std::string value = device;
  if (limits.handles) value += fmt::format(" hca_handle={}", *limits.handles);
  if (limits.objects) value += fmt::format(" hca_object={}", *limits.objects);
  if (value == device) return;
  out->push_back({.file = "rdma.max", .value = std::move(value), .controller = "rdma", .subject = "rdma"});
}

Result<void> add_unified(const std::map<std::string, std::string>& unified, Settings* out) {
  for (const auto& [file, value] : unified) {
    const size_t dot = file.find('.');
    if (file.find('/') != std::string::npos || dot == std::string::npos || dot == 0) {
      return Error(Errc::invalid, fmt::format("unified: '{}' is not the name of a file of a cgroup", printable(file)));
    }
    const std::string controller = file.substr(0, dot);
    out->push_back({.file = file,
                    .value = value,
                    .controller = controller == "cgroup" ? "" : controller,
                    .subject = fmt::format("'{}'", printable(file))});
  }
  return ok();
}

Result<std::set<uint64_t>> parse_list(const std::string& text) {
  constexpr uint64_t k_highest = 65535;
  std::set<uint64_t> out;
  if (trim(text).empty()) return out;
  for (const std::string& part : split(trim(text), ',')) {
    const auto range = split_once(part, '-');
    const uint64_t first = TRY(parse_unsigned(trim(range ? range->first : part), "cpuset", k_highest));
    const uint64_t last = range ? TRY(parse_unsigned(trim(range->second), "cpuset", k_highest)) : first;
    for (uint64_t i = first; i <= last; ++i) out.insert(i);
  }
  return out;
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

uint64_t io_weight(uint16_t weight) { return 1 + (std::max<uint64_t>(weight, 10) - 10) * 9999 / 990; }

std::optional<int64_t> swap_limit(const SpecMemory& memory) {
  if (!memory.swap || *memory.swap == 0) {
    // Without a limit of memory there is none for swap.
    if (memory.limit && *memory.limit < 0) return -1;
    return std::nullopt;
  }
  if (*memory.swap < 0) return -1;
  return *memory.swap - memory.limit.value_or(0);
}

Result<std::vector<CgroupSetting>> cgroup_settings(const SpecResources& resources) {
  TRY(refuse_v1(resources));
  Settings out;
  if (resources.memory) {
    TRY(check_memory(*resources.memory));
    add_memory(*resources.memory, &out);
  }
  if (resources.cpu) TRY(add_cpu(*resources.cpu, &out));
  if (resources.pids_limit) {
    out.push_back({.file = "pids.max",
                   .value = amount(*resources.pids_limit),
                   .controller = "pids",
                   .subject = "the number of processes"});
  }
  if (resources.block_io) TRY(add_block_io(*resources.block_io, &out));
  for (const SpecHugepageLimit& limit : resources.hugepages) TRY(add_hugepages(limit, &out));
  for (const auto& [device, limits] : resources.rdma) add_rdma(device, limits, &out);
  // Last: whoever names files has the last word.
  TRY(add_unified(resources.unified, &out));
  return out;
}

std::vector<std::string> wanted_controllers(const std::vector<CgroupSetting>& settings) {
  std::set<std::string> out = {"cpu", "cpuset", "io", "memory", "pids"};
  for (const CgroupSetting& setting : settings) {
    if (!setting.controller.empty()) out.insert(setting.controller);
  }
  return {out.begin(), out.end()};
}

void complete_update(SpecResources* resources, const std::string& memory_max, const std::string& cpu_max) {
  if (resources->memory && resources->memory->swap.value_or(0) > 0 && !resources->memory->limit) {
    if (const auto limit = parse_signed(trim(memory_max), "memory.max")) resources->memory->limit = *limit;
  }
  if (!resources->cpu) return;
  const auto words = split_once(trim(cpu_max), ' ');
  if (!words) return;
  SpecCpu& cpu = *resources->cpu;
  if (cpu.quota && !cpu.period) {
    if (const auto period = parse_unsigned(words->second, "cpu.max")) cpu.period = *period;
  } else if (cpu.period && !cpu.quota) {
    const auto quota = parse_signed(words->first, "cpu.max");
    cpu.quota = quota ? *quota : -1;
  }
}

Result<void> check_memory_use(const SpecMemory& memory, uint64_t memory_bytes, uint64_t swap_bytes) {
  if (!memory.check_before_update) return ok();
  if (memory.limit.value_or(0) > 0 && static_cast<uint64_t>(*memory.limit) < memory_bytes) {
    return Error(Errc::invalid, fmt::format("rejecting memory limit {} because of being lower than usage {}",
                                            *memory.limit, memory_bytes));
  }
  const uint64_t both = memory_bytes + swap_bytes;
  if (memory.swap.value_or(0) > 0 && static_cast<uint64_t>(*memory.swap) < both) {
    return Error(Errc::invalid, fmt::format("rejecting memory+swap limit {} because of being lower than usage {}",
                                            *memory.swap, both));
  }
  return ok();
}

Result<bool> is_sublist(const std::string& list, const std::string& allowed) {
  const std::set<uint64_t> ours = TRY(parse_list(list));
  const std::set<uint64_t> theirs = TRY(parse_list(allowed));
  return std::includes(theirs.begin(), theirs.end(), ours.begin(), ours.end());
}

}  // namespace ctr::runtime
