#include <limits>

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
  set_optional(&out, "swappiness", memory.swappiness);
  return out;
}

Result<SpecMemory> memory_from_json(const JsonReader& reader) {
  SpecMemory memory;
  memory.limit = TRY(reader.find_int("limit"));
  memory.reservation = TRY(reader.find_int("reservation"));
  memory.swap = TRY(reader.find_int("swap"));
  memory.swappiness = TRY(reader.find_uint("swappiness"));
  return memory;
}

Json cpu_to_json(const SpecCpu& cpu) {
  Json out = Json::object();
  set_optional(&out, "shares", cpu.shares);
  set_optional(&out, "quota", cpu.quota);
  set_optional(&out, "burst", cpu.burst);
  set_optional(&out, "period", cpu.period);
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
  set_throttles(&out, "throttleReadBpsDevice", io.read_bps);
  set_throttles(&out, "throttleWriteBpsDevice", io.write_bps);
  set_throttles(&out, "throttleReadIOPSDevice", io.read_iops);
  set_throttles(&out, "throttleWriteIOPSDevice", io.write_iops);
  return out;
}

Result<SpecBlockIo> block_io_from_json(const JsonReader& reader) {
  SpecBlockIo io;
  if (const auto weight = TRY(reader.find_uint("weight"))) {
    if (*weight > std::numeric_limits<uint16_t>::max()) return reader.wrong("weight", "a weight");
    io.weight = static_cast<uint16_t>(*weight);
  }
  io.read_bps = TRY(throttles_from_json(reader, "throttleReadBpsDevice"));
  io.write_bps = TRY(throttles_from_json(reader, "throttleWriteBpsDevice"));
  io.read_iops = TRY(throttles_from_json(reader, "throttleReadIOPSDevice"));
  io.write_iops = TRY(throttles_from_json(reader, "throttleWriteIOPSDevice"));
  return io;
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
  resources.unified = TRY(reader.string_map("unified"));
  return resources;
}

}  // namespace ctr::runtime
