#include "cli/stats_view.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace ctr::cli {
namespace {

using engine::ContainerUse;
using std::chrono::nanoseconds;

constexpr double k_ns_per_us = 1000;
constexpr int64_t k_ns_per_second = 1'000'000'000;

std::string percent(double value) { return fmt::format("{:.2f}%", value); }
std::string pair_of(uint64_t first, uint64_t second) {
  return fmt::format("{} / {}", human_size(first), human_size(second));
}

// docker units.BytesSize.
std::string binary_size(uint64_t size_bytes) {
  constexpr std::array<const char*, 7> k_units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto size = static_cast<double>(size_bytes);
  size_t unit = 0;
  for (; size >= 1024.0 && unit + 1 < k_units.size(); ++unit) size /= 1024.0;
  return fmt::format("{:.4g}{}", size, k_units.at(unit));
}

// Of one processor, in the time between.
double cpu_share(uint64_t cpu_us, TimePoint from, TimePoint to) {
  const auto time = elapsed(from, to);
  if (time <= nanoseconds(0)) return 0;
  return static_cast<double>(cpu_us) * k_ns_per_us / static_cast<double>(time.count()) * 100;
}

double average_share(const ContainerUse& use) { return use.started ? cpu_share(use.cpu_us, *use.started, use.at) : 0; }

// Since the round before, in the same run of the container; in the first one since its start.
double present_share(const StatsEntry& entry) {
  const auto& use = entry.use;
  const auto& former = entry.former;
  if (!former || former->started != use.started || former->cpu_us > use.cpu_us) return average_share(use);
  return cpu_share(use.cpu_us - former->cpu_us, former->at, use.at);
}

double memory_share(const ContainerUse& use) {
  if (use.memory_limit_bytes == 0) return 0;
  return static_cast<double>(use.memory_bytes) / static_cast<double>(use.memory_limit_bytes) * 100;
}

std::string shown_id(const StatsEntry& entry) {
  return entry.whole_id ? entry.info.id.hex : entry.info.id.short_form();
}

nanoseconds cpu_time(const ContainerUse& use) { return std::chrono::microseconds(static_cast<int64_t>(use.cpu_us)); }

}  // namespace

std::string go_duration(nanoseconds duration) {
  const int64_t ns = duration.count();
  if (ns == 0) return "0s";
  if (ns < 0) return "-" + go_duration(-duration);
  const auto fraction = [](int64_t value, int64_t unit, const char* name) {
    std::string text = fmt::format("{}.{:0{}}", value / unit, value % unit, std::to_string(unit).size() - 1);
    text.resize(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text + name;
  };
  if (ns < 1000) return fmt::format("{}ns", ns);
  if (ns < 1'000'000) return fraction(ns, 1000, "µs");
  if (ns < k_ns_per_second) return fraction(ns, 1'000'000, "ms");
  const int64_t minutes = ns / (60 * k_ns_per_second);
  std::string seconds = fraction(ns % (60 * k_ns_per_second), k_ns_per_second, "s");
  if (minutes == 0) return seconds;
  if (minutes < 60) return fmt::format("{}m{}", minutes, seconds);
  return fmt::format("{}h{}m{}", minutes / 60, minutes % 60, seconds);
}

Json stats_row(const StatsEntry& entry) {
  const auto& use = entry.use;
  return Json::object()
      .set("ID", shown_id(entry))
      .set("ContainerID", entry.info.id.hex)
      .set("Name", entry.info.name)
      .set("CPU", present_share(entry))
      .set("AvgCPU", average_share(use))
      .set("CPUPerc", percent(present_share(entry)))
      .set("AVGCPU", percent(average_share(use)))
      .set("UpTime", go_duration(cpu_time(use)))
      .set("Up", go_duration(cpu_time(use)))
      .set("Duration", cpu_time(use).count())
      .set("CPUNano", cpu_time(use).count())
      .set("CPUSystemNano", std::chrono::nanoseconds(std::chrono::microseconds(use.cpu_system_us)).count())
      .set("SystemNano", use.started ? elapsed(TimePoint(), use.at).count() : 0)
      .set("PerCPU", Json::array())
      .set("MemUsage", pair_of(use.memory_bytes, use.memory_limit_bytes))
      .set("MemUsageBytes", fmt::format("{} / {}", binary_size(use.memory_bytes), binary_size(use.memory_limit_bytes)))
      .set("MemLimit", use.memory_limit_bytes)
      .set("MemPerc", percent(memory_share(use)))
      .set("NetIO", pair_of(use.received_bytes, use.sent_bytes))
      .set("NetInput", use.received_bytes)
      .set("NetOutput", use.sent_bytes)
      .set("BlockIO", pair_of(use.read_bytes, use.write_bytes))
      .set("BlockInput", use.read_bytes)
      .set("BlockOutput", use.write_bytes)
      .set("PIDS", std::to_string(use.processes))
      .set("PIDs", use.processes);
}

Json stats_json(const StatsEntry& entry) {
  const auto& use = entry.use;
  return Json::object()
      .set("id", shown_id(entry))
      .set("name", entry.info.name)
      .set("cpu_time", go_duration(cpu_time(use)))
      .set("cpu_percent", percent(present_share(entry)))
      .set("avg_cpu", percent(average_share(use)))
      .set("mem_usage", pair_of(use.memory_bytes, use.memory_limit_bytes))
      .set("mem_percent", percent(memory_share(use)))
      .set("net_io", pair_of(use.received_bytes, use.sent_bytes))
      .set("block_io", pair_of(use.read_bytes, use.write_bytes))
      .set("pids", std::to_string(use.processes));
}

Listing stats_listing() {
  Listing listing;
  listing.name = "stats";
  listing.types.root = "containers.containerStats";
  listing.columns = {"ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDS", "UpTime", "AVGCPU"};
  listing.headings = {{"ID", "ID"},
                      {"CPUPerc", "CPU %"},
                      {"AVGCPU", "AVG CPU %"},
                      {"MemUsage", "MEM USAGE / LIMIT"},
                      {"MemUsageBytes", "MEM USAGE / LIMIT"},
                      {"MemPerc", "MEM %"},
                      {"NetIO", "NET IO"},
                      {"BlockIO", "BLOCK IO"},
                      {"PIDS", "PIDS"},
                      {"UpTime", "CPU TIME"}};
  return listing;
}

}  // namespace ctr::cli
