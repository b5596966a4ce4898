#include "engine/network_holder.h"

#include <algorithm>

#include "base/file.h"
#include "engine/container_info.h"
#include "runtime/attach.h"
#include "storage/running.h"

namespace ctr::engine {

namespace {

// What listings show of a running container otherwise is older than this.
Result<void> write_container(Core& core, const Dir& dir, const ContainerRecord& record) {
  TRY(dir.write_file(k_record_file, dump_json(to_json(record)) + "\n", Sync::yes));
  return storage::forget_running(TRY(core.store())->dir(), TRY(storage::ContainerId::parse(record.id)));
}

Result<void> write_member_ports(Core& core, const storage::ContainerEntry& member,
                                const std::vector<PortMapping>& ports) {
  const auto containers = TRY(core.store())->containers();
  const auto lock = TRY(containers.lock(member.id, LockMode::exclusive, core.cancel()));
  const auto dir = TRY(containers.open(member.id));
  auto record = TRY(read_record(dir));
  if (record.spec.network.mode != NetworkChoice::Mode::pod) return ok();
  record.spec.ports = ports;
  return write_container(core, dir, record);
}

}  // namespace

Result<NetworkHolder> NetworkHolder::open(Core& core, const std::string& name_or_id) {
  const auto container = resolve_container(core, name_or_id);
  if (container) return open_container(core, *container);
  if (container.error().code() != Errc::not_found) return container.error();
  const auto pod = resolve_pod(core, name_or_id);
  return pod ? open_pod(core, *pod) : container.error();
}

Result<NetworkHolder> NetworkHolder::open_container(Core& core, const storage::ContainerEntry& entry) {
  const auto containers = TRY(core.store())->containers();
  auto lock = TRY(containers.lock(entry.id, LockMode::exclusive, core.cancel()));
  auto dir = TRY(containers.open(entry.id));
  auto view = TRY(view_container(core, entry));
  const bool runs = view.info.pid > 0;
  return NetworkHolder(core, std::move(lock), std::move(dir), std::move(view.record), runs);
}

Result<NetworkHolder> NetworkHolder::open_pod(Core& core, const storage::ContainerEntry& entry) {
  const auto pods = TRY(core.store())->pods();
  auto lock = TRY(pods.lock(entry.id, LockMode::exclusive, core.cancel()));
  auto dir = TRY(pods.open(entry.id));
  auto record = TRY(read_pod_record(dir));
  const auto held = held_namespaces(record.spec);
  if (std::find(held.begin(), held.end(), runtime::NamespaceType::network) == held.end()) {
    return Error(Errc::unsupported, "the members of pod " + record.name + " share no network of their own");
  }
  const bool runs = TRY(pods.is_running(entry.id));
  return NetworkHolder(core, std::move(lock), std::move(dir), std::move(record), runs);
}

const std::string& NetworkHolder::id() const {
  return std::visit([](const auto& record) -> const std::string& { return record.id; }, record_);
}

const std::string& NetworkHolder::name() const {
  return std::visit([](const auto& record) -> const std::string& { return record.name; }, record_);
}

ContainerSpec& NetworkHolder::spec() {
  if (auto* pod = std::get_if<PodRecord>(&record_)) return pod->spec.shared;
  return std::get<ContainerRecord>(record_).spec;
}

Result<void> NetworkHolder::tell(const Json& order, int fd) const {
  return runtime::send_network_order(TRY(Dir::open(core_->run_dir(id()))), order, fd);
}

Result<void> NetworkHolder::write() {
  if (const auto* container = std::get_if<ContainerRecord>(&record_)) return write_container(*core_, dir_, *container);
  const auto text = dump_json(to_json(std::get<PodRecord>(record_))) + "\n";
  TRY(dir_.write_file(k_pod_file, text, Sync::yes));
  return write_members();
}

// The lock of a pod comes before those of its members.
Result<void> NetworkHolder::write_members() const {
  const auto& ports = std::get<PodRecord>(record_).spec.shared.ports;
  for (const auto& member : TRY(member_entries(*core_, dir_))) {
    auto written = write_member_ports(*core_, member, ports);
    // One that is being removed shows nothing.
    if (!written && written.error().code() != Errc::not_found) return written;
  }
  return ok();
}

Event NetworkHolder::event(std::string_view status) const {
  if (const auto* pod = std::get_if<PodRecord>(&record_)) return pod_event(status, *pod);
  return container_event(status, std::get<ContainerRecord>(record_));
}

}  // namespace ctr::engine
