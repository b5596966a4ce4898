#include "engine/network_users.h"

#include <algorithm>

#include "engine/each_record.h"
#include "engine/pod_record.h"

namespace ctr::engine {

namespace {

bool joins(const NetworkChoice& choice, const std::string& name) {
  return std::any_of(choice.networks.begin(), choice.networks.end(),
                     [&](const auto& entry) { return entry.network == name; });
}

}  // namespace

std::vector<storage::ContainerEntry> NetworkUsers::all() const {
  auto out = containers;
  out.insert(out.end(), pods.begin(), pods.end());
  return out;
}

Result<std::map<std::string, NetworkUsers>> users_of_networks(Core& core) {
  std::map<std::string, NetworkUsers> users;
  TRY(for_each_record(
      core, [](const std::string& text) { return text.find("\"networks\"") != std::string::npos; },
      [&](const storage::ContainerEntry& entry, const Result<ContainerRecord>& record) -> Result<void> {
        if (!record) return ok();  // a damaged container must not hide the networks
        for (const auto& joined : record->spec.network.networks) users[joined.network].containers.push_back(entry);
        return ok();
      }));
  for (const auto& pod : TRY(list_pods(core))) {
    for (const auto& joined : pod.spec.shared.network.networks) {
      users[joined.network].pods.push_back({TRY(storage_id(pod.id)), pod.name});
    }
  }
  return users;
}

Result<NetworkUsers> find_network_users(Core& core, const std::string& name) {
  NetworkUsers users;
  TRY(for_each_record(
      core, [&](const std::string& text) { return text.find("\"" + name + "\"") != std::string::npos; },
      [&](const storage::ContainerEntry& entry, const Result<ContainerRecord>& record) -> Result<void> {
        if (!record) return record.error();  // it names the network, and nobody can tell what for
        if (joins(record->spec.network, name)) users.containers.push_back(entry);
        return ok();
      }));
  for (const auto& pod : TRY(list_pods(core))) {
    if (joins(pod.spec.shared.network, name)) users.pods.push_back({TRY(storage_id(pod.id)), pod.name});
  }
  return users;
}

}  // namespace ctr::engine
