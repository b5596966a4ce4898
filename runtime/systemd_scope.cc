#include "runtime/systemd_scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/dbus.h"
#include "base/parse.h"
#include "base/text.h"
#include "runtime/cgroup_limits.h"
#include "runtime/outer_user.h"

namespace ctr::runtime {
namespace {

constexpr const char* k_manager = "org.freedesktop.systemd1";
constexpr const char* k_manager_path = "/org/freedesktop/systemd1";
constexpr const char* k_manager_interface = "org.freedesktop.systemd1.Manager";
// What systemd calls "no limit" (CGROUP_LIMIT_MAX).
constexpr uint64_t k_infinity = UINT64_MAX;

uint64_t limit_value(int64_t value) { return value < 0 ? k_infinity : static_cast<uint64_t>(value); }

// "0-2,7" as the bytes of a mask. nullopt: not a list, which the kernel will refuse by name.
std::optional<UnitProperty> list_property(const char* name, const std::string& list) {
  constexpr uint64_t k_highest = 8191;  // NR_CPUS of distributions' kernels
  std::vector<uint8_t> mask;
  for (const std::string& part : split(list, ',')) {
    const auto range = split_once(part, '-');
    const auto first = parse_unsigned(trim(range ? range->first : part), name, k_highest);
    const auto last = parse_unsigned(trim(range ? range->second : part), name, k_highest);
    if (!first || !last || *first > *last) return std::nullopt;
    if (mask.size() <= *last / 8) mask.resize(*last / 8 + 1, 0);
    for (uint64_t i = *first; i <= *last; ++i) mask[i / 8] = static_cast<uint8_t>(mask[i / 8] | 1U << (i % 8));
  }
  return UnitProperty{name, std::move(mask)};
}

void add_memory(const SpecMemory& memory, std::vector<UnitProperty>* out) {
  if (memory.limit && *memory.limit != 0) out->push_back({"MemoryMax", limit_value(*memory.limit)});
  if (memory.reservation && *memory.reservation != 0) {
    out->push_back({"MemoryLow", limit_value(*memory.reservation)});
  }
  if (const auto swap = swap_limit(memory)) out->push_back({"MemorySwapMax", limit_value(*swap)});
}

void add_cpu(const SpecCpu& cpu, std::vector<UnitProperty>* out) {
  // A weight of 0 is systemd's word for cpu.idle.
  if (cpu.idle && *cpu.idle != 0) {
    out->push_back({"CPUWeight", uint64_t{0}});
  } else if (cpu.shares && *cpu.shares != 0) {
    out->push_back({"CPUWeight", cpu_weight(*cpu.shares)});
  }
  if (cpu.period) out->push_back({"CPUQuotaPeriodUSec", *cpu.period});
  if (cpu.quota && *cpu.quota != 0) {
    uint64_t quota = k_infinity;
    const uint64_t period = cpu.period.value_or(k_default_cpu_period_us);
    // Microseconds a second, rounded up to a hundredth of a processor as systemd itself counts.
    if (*cpu.quota > 0 && period > 0) {
      const double share = static_cast<double>(*cpu.quota) / static_cast<double>(period);
      quota = (static_cast<uint64_t>(share * 1e6) + 9999) / 10000 * 10000;
    }
    out->push_back({"CPUQuotaPerSecUSec", quota});
  }
  if (!cpu.cpus.empty()) {
    if (auto property = list_property("AllowedCPUs", cpu.cpus)) out->push_back(std::move(*property));
  }
  if (!cpu.mems.empty()) {
    if (auto property = list_property("AllowedMemoryNodes", cpu.mems)) out->push_back(std::move(*property));
  }
}

void add_value(bool value, DBusWriter* out) { out->signature("b").boolean(value); }
void add_value(uint64_t value, DBusWriter* out) { out->signature("t").uint64(value); }
void add_value(const std::string& value, DBusWriter* out) { out->signature("s").string(value); }
void add_value(const std::vector<uint32_t>& values, DBusWriter* out) {
  const auto array = out->signature("au").begin_array(4);
  for (const uint32_t value : values) out->uint32(value);
  out->end_array(array);
}
void add_value(const std::vector<uint8_t>& bytes, DBusWriter* out) {
  const auto array = out->signature("ay").begin_array(1);
  for (const uint8_t byte : bytes) out->byte(byte);
  out->end_array(array);
}

// a(sv)
void add_properties(const std::vector<UnitProperty>& properties, DBusWriter* out) {
  const auto array = out->begin_array(8);
  for (const UnitProperty& property : properties) {
    out->structure().string(property.name);
    std::visit([&](const auto& value) { add_value(value, out); }, property.value);
  }
  out->end_array(array);
}

DBusMessage manager_call(const char* member, std::string signature, std::string body) {
  DBusMessage message{.type = DBusMessage::Type::call};
  message.destination = k_manager;
  message.path = k_manager_path;
  message.interface = k_manager_interface;
  message.member = member;
  message.signature = std::move(signature);
  message.body = std::move(body);
  return message;
}

DBusMessage match_job_removed() {
  DBusMessage message{.type = DBusMessage::Type::call};
  message.destination = message.interface = "org.freedesktop.DBus";
  message.path = "/org/freedesktop/DBus";
  message.member = "AddMatch";
  message.signature = "s";
  message.body = DBusWriter()
                     .string(fmt::format("type='signal',sender='{}',interface='{}',member='JobRemoved',path='{}'",
                                         k_manager, k_manager_interface, k_manager_path))
                     .bytes();
  return message;
}

std::string start_body(const ScopeRequest& request) {
  std::vector<UnitProperty> properties = {
      {"Description", request.description},
      {"Slice", request.plan.slice},
      {"Delegate", true},
      // Nothing waits for a container at the end of a session, and a scope that failed is not kept for looking at.
      {"DefaultDependencies", false},
      {"CollectMode", std::string("inactive-or-failed")},
      {"PIDs", std::vector<uint32_t>(request.processes.begin(), request.processes.end())},
  };
  properties.insert(properties.end(), request.limits.begin(), request.limits.end());
  DBusWriter body;
  body.string(request.plan.unit).string("fail");
  add_properties(properties, &body);
  const auto auxiliary = body.begin_array(8);
  body.end_array(auxiliary);
  return body.bytes();
}

// The result of the job that `reply` names.
Result<std::string> wait_job(DBusConnection& bus, const DBusMessage& reply) {
  if (reply.signature != "o") return Error(Errc::io, "systemd answers without a job");
  const std::string wanted = TRY(DBusReader(reply.body).string());
  while (true) {
    const DBusMessage signal = TRY(bus.wait_signal(k_manager_interface, "JobRemoved"));
    if (signal.signature != "uoss") continue;
    DBusReader in(signal.body);
    (void)TRY(in.uint32());
    const std::string job = TRY(in.string());
    (void)TRY(in.string());
    std::string result = TRY(in.string());
    if (job == wanted) return result;
  }
}

Result<DBusConnection> connect(const HostFacts& host, const CancelToken& cancel) {
  auto bus = DBusConnection::connect(host.cgroup.systemd_bus, {.uid = outer_uid(host.uid), .cancel = cancel});
  if (bus || bus.error().code() == Errc::interrupted) return bus;
  return std::move(bus).error().with_hint("use --cgroup-manager cgroupfs where no systemd manages this session");
}

}  // namespace

std::vector<UnitProperty> scope_limits(const SpecResources& resources) {
  std::vector<UnitProperty> out;
  if (resources.memory) add_memory(*resources.memory, &out);
  if (resources.cpu) add_cpu(*resources.cpu, &out);
  if (resources.pids_limit) out.push_back({"TasksMax", limit_value(*resources.pids_limit)});
  if (resources.block_io && resources.block_io->weight && *resources.block_io->weight != 0) {
    out.push_back({"IOWeight", io_weight(*resources.block_io->weight)});
  }
  return out;
}

Result<void> start_scope(const ScopeRequest& request, const HostFacts& host, const CancelToken& cancel) {
  const std::string frame = fmt::format("start the unit '{}'", request.plan.unit);
  DBusConnection bus = TRY(connect(host, cancel).context(frame));
  const uint32_t matched = TRY(bus.send(match_job_removed()).context(frame));
  const uint32_t started =
      TRY(bus.send(manager_call("StartTransientUnit", "ssa(sv)a(sa(sv))", start_body(request))).context(frame));
  TRY(bus.wait_reply(matched).context(frame));
  const DBusMessage reply = TRY(bus.wait_reply(started).context(frame));
  const std::string result = TRY(wait_job(bus, reply).context(frame));
  if (result == "done") return ok();
  return Error(Errc::io, fmt::format("{}: the job ended with '{}'", frame, printable(result)))
      .with_hint(fmt::format("look at `journalctl {}-u {}`", host.privileged() ? "" : "--user ", request.plan.unit));
}

Result<void> set_scope_limits(const std::string& unit, const std::vector<UnitProperty>& limits, const HostFacts& host,
                              const CancelToken& cancel) {
  const std::string frame = fmt::format("set the limits of the unit '{}'", unit);
  DBusConnection bus = TRY(connect(host, cancel).context(frame));
  DBusWriter body;
  // Runtime only: nothing about a transient unit is kept.
  body.string(unit).boolean(true);
  add_properties(limits, &body);
  TRY(bus.call(manager_call("SetUnitProperties", "sba(sv)", body.bytes())).context(frame));
  return ok();
}

}  // namespace ctr::runtime
