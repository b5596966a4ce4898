#include "runtime/spec_codec.h"
#include "runtime/spec_resources.h"

namespace ctr::runtime {
namespace {

template <typename T>
void set_optional(Json* object, const char* key, const std::optional<T>& value) {
  if (value) object->set(key, Json(*value));
}

Json devices_to_json(const std::vector<SpecDeviceRule>& rules) {
  Json out = Json::array();
  for (const SpecDeviceRule& rule : rules) {
    Json entry = Json::object();
    entry.set("allow", rule.allow);
    if (!rule.type.empty()) entry.set("type", rule.type);
    set_optional(&entry, "major", rule.major);
    set_optional(&entry, "minor", rule.minor);
    if (!rule.access.empty()) entry.set("access", rule.access);
    out.push(std::move(entry));
  }
  return out;
}

Result<std::vector<SpecDeviceRule>> devices_from_json(const JsonReader& reader) {
  std::vector<SpecDeviceRule> out;
  const auto elements = TRY(reader.elements("devices"));
  for (const JsonReader& element : elements) {
    SpecDeviceRule rule;
    rule.allow = TRY(element.get_bool("allow"));
    rule.type = TRY(element.string_or("type", ""));
    rule.major = TRY(element.find_int("major"));
    rule.minor = TRY(element.find_int("minor"));
    rule.access = TRY(element.string_or("access", ""));
    out.push_back(std::move(rule));
  }
  return out;
}

Json memory_to_json(const SpecMemory& memory) {
  Json out = Json::object();
  set_optional(&out, "limit", memory.limit);
  set_optional(&out, "reservation", memory.reservation);
  set_optional(&out, "swap", memory.swap);
  set_optional(&out, "kernel", memory.kernel);
  set_optional(&out, "kernelTCP", memory.kernel_tcp);
  set_optional(&out, "swappiness", memory.swappiness);
  if (memory.disable_oom_killer) out.set("disableOOMKiller", true);
  if (memory.check_before_update) out.set("checkBeforeUpdate", true);
  return out;
}

Result<SpecMemory> memory_from_json(const JsonReader& reader) {
  SpecMemory memory;
  memory.limit = TRY(reader.find_int("limit"));
  memory.reservation = TRY(reader.find_int("reservation"));
  memory.swap = TRY(reader.find_int("swap"));
  memory.kernel = TRY(reader.find_int("kernel"));
  memory.kernel_tcp = TRY(reader.find_int("kernelTCP"));
  memory.swappiness = TRY(reader.find_uint("swappiness"));
  memory.disable_oom_killer = TRY(reader.bool_or("disableOOMKiller", false));
  memory.check_before_update = TRY(reader.bool_or("checkBeforeUpdate", false));
  return memory;
}

Json cpu_to_json(const SpecCpu& cpu) {
  Json out = Json::object();
  set_optional(&out, "shares", cpu.shares);
  set_optional(&out, "quota", cpu.quota);
  set_optional(&out, "burst", cpu.burst);
  set_optional(&out, "period", cpu.period);
  set_optional(&out, "realtimeRuntime", cpu.realtime_runtime);
  set_optional(&out, "realtimePeriod", cpu.realtime_period);
  set_optional(&out, "idle", cpu.idle);
  if (!cpu.cpus.empty()) out.set("cpus", cpu.cpus);
  if (!cpu.mems.empty()) out.set("mems", cpu.mems);
  return out;
}

Result<SpecCpu> cpu_from_json(const JsonReader& reader) {
  SpecCpu cpu;
  cpu.shares = TRY(reader.find_uint("shares"));
  cpu.quota = TRY(reader.find_int("quota"));
  cpu.burst = TRY(reader.find_uint("burst"));
  cpu.period = TRY(reader.find_uint("period"));
  cpu.realtime_runtime = TRY(reader.find_int("realtimeRuntime"));
  cpu.realtime_period = TRY(reader.find_uint("realtimePeriod"));
  cpu.idle = TRY(reader.find_int("idle"));
  cpu.cpus = TRY(reader.string_or("cpus", ""));
  cpu.mems = TRY(reader.string_or("mems", ""));
  return cpu;
}

void set_throttles(Json* object, const char* key, const std::vector<SpecBlockIo::Throttle>& throttles) {
  if (throttles.empty()) return;
  Json out = Json::array();
  for (const SpecBlockIo::Throttle& throttle : throttles) {
    Json entry = Json::object();
    out.push(entry.set("major", throttle.major).set("minor", throttle.minor).set("rate", throttle.rate));
  }
  object->set(key, std::move(out));
}

Result<std::vector<SpecBlockIo::Throttle>> throttles_from_json(const JsonReader& reader, std::string_view key) {
  std::vector<SpecBlockIo::Throttle> out;
  const auto elements = TRY(reader.elements(key));
  for (const JsonReader& element : elements) {
    SpecBlockIo::Throttle throttle;
    throttle.major = TRY(element.get_int("major"));
    throttle.minor = TRY(element.get_int("minor"));
    throttle.rate = TRY(element.get_uint("rate"));
    out.push_back(throttle);
  }
  return out;
}

Json block_io_to_json(const SpecBlockIo& io) {
  Json out = Json::object();
  if (io.weight) out.set("weight", unsigned{*io.weight});
  if (io.leaf_weight) out.set("leafWeight", unsigned{*io.leaf_weight});
  if (!io.weight_devices.empty()) {
    Json devices = Json::array();
    for (const SpecBlockIo::Weight& device : io.weight_devices) {
      Json entry = Json::object();
      entry.set("major", device.major).set("minor", device.minor);
      if (device.weight) entry.set("weight", unsigned{*device.weight});
      if (device.leaf_weight) entry.set("leafWeight", unsigned{*device.leaf_weight});
      devices.push(std::move(entry));
    }
    out.set("weightDevice", std::move(devices));
  }
  set_throttles(&out, "throttleReadBpsDevice", io.read_bps);
  set_throttles(&out, "throttleWriteBpsDevice", io.write_bps);
  set_throttles(&out, "throttleReadIOPSDevice", io.read_iops);
  set_throttles(&out, "throttleWriteIOPSDevice", io.write_iops);
  return out;
}

Result<SpecBlockIo> block_io_from_json(const JsonReader& reader) {
  SpecBlockIo io;
  io.weight = TRY(find_narrow<uint16_t>(reader, "weight"));
  io.leaf_weight = TRY(find_narrow<uint16_t>(reader, "leafWeight"));
  const auto devices = TRY(reader.elements("weightDevice"));
  for (const JsonReader& element : devices) {
    SpecBlockIo::Weight device;
    device.major = TRY(element.get_int("major"));
    device.minor = TRY(element.get_int("minor"));
    device.weight = TRY(find_narrow<uint16_t>(element, "weight"));
    device.leaf_weight = TRY(find_narrow<uint16_t>(element, "leafWeight"));
    io.weight_devices.push_back(device);
  }
  io.read_bps = TRY(throttles_from_json(reader, "throttleReadBpsDevice"));
  io.write_bps = TRY(throttles_from_json(reader, "throttleWriteBpsDevice"));
  io.read_iops = TRY(throttles_from_json(reader, "throttleReadIOPSDevice"));
  io.write_iops = TRY(throttles_from_json(reader, "throttleWriteIOPSDevice"));
  return io;
}

Json hugepages_to_json(const std::vector<SpecHugepageLimit>& limits) {
  Json out = Json::array();
  for (const SpecHugepageLimit& limit : limits) {
    Json entry = Json::object();
    out.push(entry.set("pageSize", limit.page_size).set("limit", limit.limit));
  }
  return out;
}

Result<std::vector<SpecHugepageLimit>> hugepages_from_json(const JsonReader& reader) {
  std::vector<SpecHugepageLimit> out;
  const auto elements = TRY(reader.elements("hugepageLimits"));
  for (const JsonReader& element : elements) {
    out.push_back({.page_size = TRY(element.get_string("pageSize")), .limit = TRY(element.get_uint("limit"))});
  }
  return out;
}

Json network_to_json(const SpecNetworkClass& network) {
  Json out = Json::object();
  set_optional(&out, "classID", network.class_id);
  if (network.priorities.empty()) return out;
  Json priorities = Json::array();
  for (const auto& [name, priority] : network.priorities) {
    Json entry = Json::object();
    priorities.push(entry.set("name", name).set("priority", priority));
  }
  return out.set("priorities", std::move(priorities));
}

Result<SpecNetworkClass> network_from_json(const JsonReader& reader) {
  SpecNetworkClass network;
  network.class_id = TRY(find_narrow<uint32_t>(reader, "classID"));
  const auto elements = TRY(reader.elements("priorities"));
  for (const JsonReader& element : elements) {
    const uint64_t priority = TRY(element.get_uint("priority"));
    network.priorities.emplace_back(TRY(element.get_string("name")),
                                    TRY(narrow<uint32_t>(element, "priority", priority)));
  }
  return network;
}

Json rdma_to_json(const std::map<std::string, SpecRdma>& devices) {
  Json out = Json::object();
  for (const auto& [name, limits] : devices) {
    Json entry = Json::object();
    set_optional(&entry, "hcaHandles", limits.handles);
    set_optional(&entry, "hcaObjects", limits.objects);
    out.set(name, std::move(entry));
  }
  return out;
}

Result<std::map<std::string, SpecRdma>> rdma_from_json(const JsonReader& reader) {
  std::map<std::string, SpecRdma> out;
  const auto devices = TRY(reader.find_object("rdma"));
  if (!devices) return out;
  for (const auto& [name, value] : devices->value().as_object()) {
    const auto entry = TRY(devices->find_object(name));
    if (!entry) continue;
    out[name] = {.handles = TRY(find_narrow<uint32_t>(*entry, "hcaHandles")),
                 .objects = TRY(find_narrow<uint32_t>(*entry, "hcaObjects"))};
  }
  return out;
}

}  // namespace

Json to_json(const SpecResources& resources) {
  Json out = Json::object();
  if (!resources.devices.empty()) out.set("devices", devices_to_json(resources.devices));
  if (resources.memory) out.set("memory", memory_to_json(*resources.memory));
  if (resources.cpu) out.set("cpu", cpu_to_json(*resources.cpu));
  if (resources.pids_limit) {
    Json pids = Json::object();
    out.set("pids", pids.set("limit", *resources.pids_limit));
  }
  if (resources.block_io) out.set("blockIO", block_io_to_json(*resources.block_io));
  if (!resources.hugepages.empty()) out.set("hugepageLimits", hugepages_to_json(resources.hugepages));
  if (resources.network) out.set("network", network_to_json(*resources.network));
  if (!resources.rdma.empty()) out.set("rdma", rdma_to_json(resources.rdma));
  if (!resources.unified.empty()) out.set("unified", Json::string_map(resources.unified));
  return out;
}

Result<SpecResources> resources_from_json(const JsonReader& reader) {
  SpecResources resources;
  resources.devices = TRY(devices_from_json(reader));
  if (const auto memory = TRY(reader.find_object("memory"))) resources.memory = TRY(memory_from_json(*memory));
  if (const auto cpu = TRY(reader.find_object("cpu"))) resources.cpu = TRY(cpu_from_json(*cpu));
  if (const auto pids = TRY(reader.find_object("pids"))) resources.pids_limit = TRY(pids->find_int("limit"));
  if (const auto io = TRY(reader.find_object("blockIO"))) resources.block_io = TRY(block_io_from_json(*io));
  resources.hugepages = TRY(hugepages_from_json(reader));
  if (const auto network = TRY(reader.find_object("network"))) resources.network = TRY(network_from_json(*network));
  resources.rdma = TRY(rdma_from_json(reader));
  resources.unified = TRY(reader.string_map("unified"));
  return resources;
}

}  // namespace ctr::runtime
