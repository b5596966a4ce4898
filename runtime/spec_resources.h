// linux.resources of the OCI runtime configuration as values, and their codec.
//
// What only cgroup v1 can do is read too, since it has to be refused and not ignored.
// Source: runtime-spec config-linux.md, "Control groups".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ctr::runtime {

struct SpecDeviceRule {
  bool allow = false;
  std::string type;  // "a", "c", "b"; empty as "a"
  std::optional<int64_t> major;
  std::optional<int64_t> minor;
  std::string access;  // of "rwm"
  bool operator==(const SpecDeviceRule&) const = default;
};

struct SpecMemory {
  std::optional<int64_t> limit;        // bytes; -1: unlimited
  std::optional<int64_t> reservation;  // bytes
  std::optional<int64_t> swap;         // bytes of memory plus swap, as cgroup v1 counted; -1: unlimited
  std::optional<int64_t> kernel;       // v1
  std::optional<int64_t> kernel_tcp;   // v1
  std::optional<uint64_t> swappiness;  // v1
  bool disable_oom_killer = false;     // v1
  bool check_before_update = false;    // a limit below what is used is refused instead of enforced
  bool operator==(const SpecMemory&) const = default;
};

struct SpecCpu {
  std::optional<uint64_t> shares;
  std::optional<int64_t> quota;             // microseconds in each period; -1: unlimited
  std::optional<uint64_t> period;           // microseconds
  std::optional<uint64_t> burst;            // microseconds
  std::optional<int64_t> realtime_runtime;  // v1
  std::optional<uint64_t> realtime_period;  // v1
  std::optional<int64_t> idle;
  std::string cpus;
  std::string mems;
  bool operator==(const SpecCpu&) const = default;
};

struct SpecBlockIo {
  struct Weight {
    int64_t major = 0;
    int64_t minor = 0;
    std::optional<uint16_t> weight;
    std::optional<uint16_t> leaf_weight;  // v1
    bool operator==(const Weight&) const = default;
  };
  struct Throttle {
    int64_t major = 0;
    int64_t minor = 0;
    uint64_t rate = 0;
    bool operator==(const Throttle&) const = default;
  };
  std::optional<uint16_t> weight;       // 10 to 1000
  std::optional<uint16_t> leaf_weight;  // v1
  std::vector<Weight> weight_devices;
  std::vector<Throttle> read_bps;
  std::vector<Throttle> write_bps;
  std::vector<Throttle> read_iops;
  std::vector<Throttle> write_iops;
  bool operator==(const SpecBlockIo&) const = default;
};

struct SpecHugepageLimit {
  std::string page_size;  // "2MB"
  uint64_t limit = 0;     // bytes
  bool operator==(const SpecHugepageLimit&) const = default;
};

struct SpecRdma {
  std::optional<uint32_t> handles;
  std::optional<uint32_t> objects;
  bool operator==(const SpecRdma&) const = default;
};

// v1 only.
struct SpecNetworkClass {
  std::optional<uint32_t> class_id;
  std::vector<std::pair<std::string, uint32_t>> priorities;  // by interface
  bool operator==(const SpecNetworkClass&) const = default;
};

struct SpecResources {
  std::vector<SpecDeviceRule> devices;
  std::optional<SpecMemory> memory;
  std::optional<SpecCpu> cpu;
  std::optional<int64_t> pids_limit;  // -1: unlimited
  std::optional<SpecBlockIo> block_io;
  std::vector<SpecHugepageLimit> hugepages;
  std::optional<SpecNetworkClass> network;
  std::map<std::string, SpecRdma> rdma;        // by device
  std::map<std::string, std::string> unified;  // cgroup v2 file → text, verbatim
  bool operator==(const SpecResources&) const = default;
};

Json to_json(const SpecResources& resources);
// Errors: invalid, naming the path.
Result<SpecResources> resources_from_json(const JsonReader& reader);

}  // namespace ctr::runtime
