// The verbs on user networks: a header of its own, since few commands need it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/engine.h"
#include "engine/spec_network.h"

namespace ctr::engine {

class Core;

struct NetworkInfo {
  std::string name;
  std::string id;  // 64 hex digits
  std::string driver;
  TimePoint created{};
  std::map<std::string, std::string> labels;
  Json definition;                 // as podman's files have it
  std::vector<std::string> users;  // ids of the containers and pods that name it
  bool is_default = false;         // there without having been made
  bool dangling() const { return users.empty() && !is_default; }
};

// What `network create` says.
struct NetworkOptions {
  std::string name;  // empty: one is made up
  std::string driver = "bridge";
  std::string ipam_driver;  // empty: host-local
  std::string interface_name;
  std::vector<std::string> subnets, gateways, ranges, routes, dns_servers;
  std::map<std::string, std::string> labels, options;
  bool internal = false, ipv6 = false, disable_dns = false, ignore_existing = false;
};

class NetworkVerbs {
 public:
  virtual ~NetworkVerbs() = default;

  // Its name. Errors: exists, invalid and unsupported, in podman's words.
  virtual Result<std::string> create(const NetworkOptions& options) = 0;
  // Sorted by name. Errors: invalid for a filter that is not known.
  virtual Result<std::vector<NetworkInfo>> list(const std::vector<ContainerFilter>& filters) = 0;
  // By name, id or the beginning of an id; with the running containers in it ("containers" of the definition).
  // Errors: not_found in podman's words.
  virtual Result<NetworkInfo> find(const std::string& name_or_id) = 0;
  // With `force` the containers that use it go, too. Errors: not_found, in_use.
  virtual Result<void> remove(const std::string& name_or_id, const RemoveOptions& options) = 0;
  // Now, and at every start. Errors: bad_state for a container without user networks; exists when it is in it.
  virtual Result<void> connect(const std::string& container, NetworkAttachment wanted) = 0;
  // Errors: not_found. With `force` what cannot be undone now is no error.
  virtual Result<void> disconnect(const std::string& container, const std::string& network, bool force) = 0;
  // Puts the networks of a running container in order. Errors: bad_state.
  virtual Result<void> reload(const ContainerId& id) = 0;
  // Changes the servers that are asked for names of elsewhere. Errors: invalid, not_found.
  virtual Result<void> update(const std::string& name_or_id, const std::vector<std::string>& added,
                              const std::vector<std::string>& dropped) = 0;
};

// The verbs of an open engine; they live as long as it does.
NetworkVerbs& network_verbs(Engine& engine);

// `core` must outlive it.
std::unique_ptr<NetworkVerbs> make_network_verbs(Core& core);

}  // namespace ctr::engine
