#include "engine/stats.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "engine/live_cgroup.h"
#include "engine/spec_gen.h"
#include "runtime/cgroup_stats.h"

namespace ctr::engine {

namespace {

uint64_t machine_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes) : 0;
}

void add_cgroup(const runtime::CgroupStats& stats, ContainerUse& use) {
  use.cpu_us = stats.cpu.usage_us;
  use.cpu_system_us = stats.cpu.system_us;
  use.memory_limit_bytes = machine_memory();
  if (stats.memory) {
    use.memory_bytes = stats.memory->usage_bytes;
    use.memory_limit_bytes = std::min(use.memory_limit_bytes, stats.memory->limit_bytes.value_or(UINT64_MAX));
  }
  if (stats.pids) use.processes = stats.pids->current;
  for (const auto& device : stats.io) {
    use.read_bytes += device.read_bytes;
    use.write_bytes += device.write_bytes;
  }
}

}  // namespace

NetworkUse parse_network_use(std::string_view text) {
  constexpr size_t k_sent_column = 8;  // behind the name
  NetworkUse use;
  for (const auto& line : split(text, '\n')) {
    const auto parts = split_once(line, ':');
    if (!parts || trim(parts->first) == "lo") continue;
    auto numbers = split(parts->second, ' ');
    std::erase(numbers, "");
    if (numbers.size() <= k_sent_column) continue;
    const auto received = parse_unsigned(numbers[0], "received bytes");
    const auto sent = parse_unsigned(numbers[k_sent_column], "sent bytes");
    if (!received || !sent) continue;
    use.received_bytes += *received;
    use.sent_bytes += *sent;
  }
  return use;
}

Result<ContainerUse> measure_use(Core& core, const storage::ContainerId& id) {
  const auto view = TRY(view_container(core, {id, ""}));
  ContainerUse use;
  use.at = now();
  if (view.info.state != ContainerState::running && view.info.state != ContainerState::paused) return use;
  auto cgroup = open_live_cgroup(core, view.state, "stats");
  // It has ended meanwhile.
  if (!cgroup && cgroup.error().code() == Errc::not_found) return use;
  add_cgroup(TRY(runtime::read_stats(TRY(std::move(cgroup)))), use);
  use.started = view.info.started.value_or(use.at);
  if (has_own_network(view.record.spec)) {
    // Gone when it has ended meanwhile.
    const auto network =
        parse_network_use(read_kernel_file(fmt::format("/proc/{}/net/dev", view.info.pid)).value_or(""));
    use.received_bytes = network.received_bytes;
    use.sent_bytes = network.sent_bytes;
  }
  return use;
}

}  // namespace ctr::engine
