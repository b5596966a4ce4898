#include "runtime/cgroup_stats.h"

#include <fcntl.h>

#include <limits>

#include "base/parse.h"
#include "base/text.h"
#include "runtime/cgroup_files.h"

namespace ctr::runtime {
namespace {

using Flat = std::map<std::string, uint64_t>;

uint64_t value_of(const Flat& values, const char* key) {
  const auto found = values.find(key);
  return found == values.end() ? 0 : found->second;
}

uint64_t number(const Dir& dir, const std::string& file) {
  const auto value = parse_unsigned(cgroup_text(dir, file), file);
  return value ? *value : 0;
}

// "max" is no limit.
std::optional<uint64_t> limit(const Dir& dir, const std::string& file) {
  const auto value = parse_unsigned(cgroup_text(dir, file), file);
  return value ? std::optional<uint64_t>(*value) : std::nullopt;
}

CgroupStats::Cpu read_cpu(const Dir& dir) {
  const Flat values = parse_flat_keyed(cgroup_text(dir, "cpu.stat"));
  return {.usage_us = value_of(values, "usage_usec"),
          .user_us = value_of(values, "user_usec"),
          .system_us = value_of(values, "system_usec"),
          .periods = value_of(values, "nr_periods"),
          .throttled_periods = value_of(values, "nr_throttled"),
          .throttled_us = value_of(values, "throttled_usec")};
}

std::optional<CgroupStats::Memory> read_memory(const Dir& dir) {
  if (!find_cgroup_text(dir, "memory.current")) return std::nullopt;
  const Flat events = parse_flat_keyed(cgroup_text(dir, "memory.events"));
  return CgroupStats::Memory{.usage_bytes = number(dir, "memory.current"),
                             .limit_bytes = limit(dir, "memory.max"),
                             .peak_bytes = number(dir, "memory.peak"),
                             .swap_bytes = number(dir, "memory.swap.current"),
                             .swap_limit_bytes = limit(dir, "memory.swap.max"),
                             .details = parse_flat_keyed(cgroup_text(dir, "memory.stat")),
                             .limit_hits = value_of(events, "max"),
                             .oom_kills = value_of(events, "oom_kill")};
}

std::map<std::string, CgroupStats::Hugepages> read_hugepages(const Dir& dir) {
  std::map<std::string, CgroupStats::Hugepages> out;
  const auto names = dir.list();
  if (!names) return out;
  constexpr std::string_view k_prefix = "hugetlb.";
  constexpr std::string_view k_suffix = ".current";
  for (const std::string& name : *names) {
    if (!name.starts_with(k_prefix) || !name.ends_with(k_suffix) || name.ends_with(".rsvd.current")) continue;
    const std::string size = name.substr(k_prefix.size(), name.size() - k_prefix.size() - k_suffix.size());
    const std::string file = std::string(k_prefix) + size;
    out[size] = {.usage_bytes = number(dir, name),
                 .limit_bytes = limit(dir, file + ".max"),
                 .limit_hits = cgroup_count(dir, file + ".events", "max")};
  }
  return out;
}

uint64_t or_infinity(const std::optional<uint64_t>& value) {
  return value.value_or(std::numeric_limits<uint64_t>::max());
}

Json cpu_to_json(const CgroupStats::Cpu& cpu) {
  constexpr uint64_t k_ns = 1000;
  Json usage = Json::object();
  usage.set("total", cpu.usage_us * k_ns).set("kernel", cpu.system_us * k_ns).set("user", cpu.user_us * k_ns);
  Json throttling = Json::object();
  throttling.set("periods", cpu.periods)
      .set("throttledPeriods", cpu.throttled_periods)
      .set("throttledTime", cpu.throttled_us * k_ns);
  return Json::object().set("usage", std::move(usage)).set("throttling", std::move(throttling));
}

Json memory_to_json(const CgroupStats::Memory& memory) {
  Json usage = Json::object();
  usage.set("limit", or_infinity(memory.limit_bytes)).set("usage", memory.usage_bytes);
  if (memory.peak_bytes != 0) usage.set("max", memory.peak_bytes);
  usage.set("failcnt", memory.limit_hits);
  Json swap = Json::object();
  swap.set("limit", or_infinity(memory.swap_limit_bytes)).set("usage", memory.swap_bytes).set("failcnt", uint64_t{0});
  Json raw = Json::object();
  for (const auto& [key, value] : memory.details) raw.set(key, value);
  // What page cache is: file pages of memory.stat.
  return Json::object()
      .set("cache", value_of(memory.details, "file"))
      .set("usage", std::move(usage))
      .set("swap", std::move(swap))
      .set("raw", std::move(raw));
}

Json io_to_json(const std::vector<CgroupStats::Io>& devices) {
  Json bytes = Json::array();
  Json operations = Json::array();
  const auto add = [](Json* list, const CgroupStats::Io& device, const char* operation, uint64_t value) {
    Json entry = Json::object();
    list->push(entry.set("major", device.major).set("minor", device.minor).set("op", operation).set("value", value));
  };
  for (const CgroupStats::Io& device : devices) {
    add(&bytes, device, "Read", device.read_bytes);
    add(&bytes, device, "Write", device.write_bytes);
    add(&operations, device, "Read", device.reads);
    add(&operations, device, "Write", device.writes);
  }
  return Json::object()
      .set("ioServiceBytesRecursive", std::move(bytes))
      .set("ioServicedRecursive", std::move(operations));
}

Json hugepages_to_json(const std::map<std::string, CgroupStats::Hugepages>& sizes) {
  Json out = Json::object();
  for (const auto& [size, pages] : sizes) {
    Json entry = Json::object();
    entry.set("usage", pages.usage_bytes).set("limit", or_infinity(pages.limit_bytes)).set("failcnt", pages.limit_hits);
    out.set(size, std::move(entry));
  }
  return out;
}

}  // namespace

std::vector<CgroupStats::Io> parse_io_stat(std::string_view text) {
  std::vector<CgroupStats::Io> out;
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    const auto numbers = split_once(words[0], ':');
    if (!numbers) continue;
    const auto major = parse_unsigned(numbers->first, "major", UINT32_MAX);
    const auto minor = parse_unsigned(numbers->second, "minor", UINT32_MAX);
    if (!major || !minor) continue;
    CgroupStats::Io device{.major = static_cast<uint32_t>(*major), .minor = static_cast<uint32_t>(*minor)};
    for (size_t i = 1; i < words.size(); ++i) {
      const auto pair = split_once(words[i], '=');
      if (!pair) continue;
      const auto value = parse_unsigned(pair->second, pair->first);
      if (!value) continue;
      if (pair->first == "rbytes") device.read_bytes = *value;
      if (pair->first == "wbytes") device.write_bytes = *value;
      if (pair->first == "rios") device.reads = *value;
      if (pair->first == "wios") device.writes = *value;
    }
    out.push_back(device);
  }
  return out;
}

Result<CgroupStats> read_stats(const Cgroup& cgroup) {
  const Dir& dir = cgroup.dir();
  // A directory that was removed while we hold it open shows no files.
  (void)TRY(dir.open_file("cgroup.procs", O_RDONLY));
  CgroupStats stats;
  stats.cpu = read_cpu(dir);
  stats.memory = read_memory(dir);
  if (find_cgroup_text(dir, "pids.current")) {
    stats.pids = CgroupStats::Pids{.current = number(dir, "pids.current"), .limit = limit(dir, "pids.max")};
  }
  stats.io = parse_io_stat(cgroup_text(dir, "io.stat"));
  stats.hugepages = read_hugepages(dir);
  return stats;
}

Json to_json(const CgroupStats& stats) {
  Json out = Json::object();
  out.set("cpu", cpu_to_json(stats.cpu));
  if (stats.memory) out.set("memory", memory_to_json(*stats.memory));
  if (stats.pids) {
    Json pids = Json::object();
    pids.set("current", stats.pids->current);
    if (stats.pids->limit) pids.set("limit", *stats.pids->limit);
    out.set("pids", std::move(pids));
  }
  out.set("blkio", io_to_json(stats.io));
  if (!stats.hugepages.empty()) out.set("hugetlb", hugepages_to_json(stats.hugepages));
  return out;
}

}  // namespace ctr::runtime
