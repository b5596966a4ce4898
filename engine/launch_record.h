// LaunchRecord: what `start` needs beside the OCI configuration; launch.json in the container's directory.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "engine/network/private_network.h"
#include "engine/spec.h"
#include "runtime/monitor_plan.h"
#include "runtime/rootfs_plan.h"

namespace ctr::engine {

inline constexpr const char* k_launch_file = "launch.json";
inline constexpr const char* k_filter_file = "seccomp.bpf";
inline constexpr const char* k_config_file = "config.json";

struct LaunchRecord {
  runtime::RootfsPlan rootfs;
  uint32_t seccomp_flags = 0;
  std::string init_program;
  std::string runtime;             // absolute path of another runtime; empty: ctr itself
  bool home_follows_user = false;  // HOME is that of the account, whoever that is at the start
  runtime::LogPlan log;
  bool operator==(const LaunchRecord&) const = default;
};
inline constexpr int k_launch_schema = 1;
Json to_json(const LaunchRecord& record);
Result<LaunchRecord> parse_launch_record(std::string_view document, const std::string& what);

// The engine's own part of a LaunchPlan: what the hooks in the monitor's process act on.
struct MonitorOrders {
  std::string name;
  std::string image;
  bool auto_remove = false;
  RestartSpec restart;
  std::string pod;                              // its id; empty: the container is in none
  bool is_init = false;                         // others of its pod come after its end
  std::chrono::milliseconds restart_delay{0};   // that came before this start
  std::string row;                              // row_of_record()
  std::optional<network::NetworkPlan> network;  // nullopt: the network namespace is not ours to set up
  std::vector<uint64_t> passed_ports;           // which of its ports' sockets are the service manager's
  bool operator==(const MonitorOrders&) const = default;
};
Json to_json(const MonitorOrders& orders);
Result<MonitorOrders> monitor_orders_from_json(const Json& value);

}  // namespace ctr::engine
