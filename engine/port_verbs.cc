#include "engine/port_verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/file.h"
#include "engine/container_info.h"
#include "engine/network/proxy_plan.h"
#include "engine/port_words.h"
#include "engine/ports.h"
#include "runtime/attach.h"
#include "storage/running.h"

namespace ctr::engine {
namespace {

using network::PublishedPort;

std::string port_name(const PublishedPort& port) {
  return fmt::format("{}/{}", port.container_port, network::protocol_name(port.protocol));
}

bool matches(const PublishedPort& port, const PublishedPort& wanted) {
  return port.protocol == wanted.protocol && port.container_port == wanted.container_port &&
         (wanted.host_port == 0 || port.host_port == wanted.host_port) &&
         (wanted.host_ip.empty() || port.host_ip == wanted.host_ip);
}

// Until the record is written the container keeps what it had.
Result<void> record_ports(Core& core, const Dir& dir, ContainerRecord& record, std::vector<PortMapping> ports) {
  record.spec.ports = std::move(ports);
  TRY(dir.write_file(k_record_file, dump_json(to_json(record)) + "\n", Sync::yes));
  // What listings show of it otherwise is older than this.
  const auto* store = TRY(core.store());
  TRY(storage::forget_running(store->dir(), TRY(storage::ContainerId::parse(record.id))));
  core.record_event(container_event("update", record));
  return ok();
}

Result<void> publish(Core& core, const std::string& id, const PublishedPort& port, const Fd& socket) {
  const auto run_dir = TRY(Dir::open(core.run_dir(id)));
  return runtime::send_network_order(run_dir, Json::object().set("publish", to_json(port)), socket.get())
      .context("publish port " + port_name(port));
}

Result<void> unpublish(Core& core, const std::string& id, const PublishedPort& port) {
  const auto run_dir = TRY(Dir::open(core.run_dir(id)));
  return runtime::send_network_order(run_dir, Json::object().set("unpublish", to_json(port)))
      .context("take back port " + port_name(port));
}

Result<void> publish_all(Core& core, const std::string& id, const std::vector<PublishedPort>& ports,
                         const std::vector<Fd>& sockets) {
  for (size_t i = 0; i < ports.size(); ++i) {
    auto done = publish(core, id, ports[i], sockets[i]);
    if (done) continue;
    for (size_t back = 0; back < i; ++back) {
      unpublish(core, id, ports[back]).ignore("the error of the one that failed is the one to tell");
    }
    return done;
  }
  return ok();
}

Result<void> check_publishable(const ContainerRecord& record) {
  if (can_publish(record.spec.network)) return ok();
  return Error(Errc::unsupported, "ports cannot be published for a container without a network of its own");
}

}  // namespace

Result<std::vector<PortMapping>> add_ports(Core& core, const storage::ContainerId& id,
                                           std::vector<PortMapping> mappings) {
  const auto containers = TRY(core.store())->containers();
  const auto lock = TRY(containers.lock(id, LockMode::exclusive, core.cancel()));
  const auto dir = TRY(containers.open(id));
  auto view = TRY(view_container(core, {id, ""}));
  TRY(check_publishable(view.record));
  const auto sockets = TRY(bind_mappings(core, mappings));
  auto all = view.record.spec.ports;
  all.insert(all.end(), mappings.begin(), mappings.end());
  all = TRY(combine_mappings(all));
  if (view.info.pid > 0) TRY(publish_all(core, id.text(), single_ports(mappings), sockets));
  TRY(record_ports(core, dir, view.record, std::move(all)));
  return mappings;
}

Result<void> remove_ports(Core& core, const storage::ContainerId& id, const std::vector<PortMapping>& mappings) {
  const auto containers = TRY(core.store())->containers();
  const auto lock = TRY(containers.lock(id, LockMode::exclusive, core.cancel()));
  const auto dir = TRY(containers.open(id));
  auto view = TRY(view_container(core, {id, ""}));
  auto left = single_ports(view.record.spec.ports);
  std::vector<PublishedPort> gone;
  for (const auto& wanted : single_ports(mappings)) {
    const auto middle = std::stable_partition(left.begin(), left.end(),
                                              [&](const PublishedPort& port) { return !matches(port, wanted); });
    if (middle == left.end()) {
      return Error(Errc::not_found, fmt::format("failed to find published port \"{}\"", port_name(wanted)));
    }
    gone.insert(gone.end(), middle, left.end());
    left.erase(middle, left.end());
  }
  for (const auto& port : gone) {
    if (view.info.pid > 0) TRY(unpublish(core, id.text(), port));
  }
  return record_ports(core, dir, view.record, mappings_of(left));
}

}  // namespace ctr::engine
