// The definitions of user networks, in networks/NAME.json of the store, and what containers want of them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/lock.h"
#include "base/result.h"
#include "engine/network/definition.h"
#include "engine/network/membership.h"
#include "engine/spec_network.h"

namespace ctr::engine {

class NetworkStore {
 public:
  // `store`: the path of the user's store. Nothing is made.
  explicit NetworkStore(std::string store) : path_(std::move(store) + "/networks") {}

  // Sorted by name; the default network is always among them. Files that make no network are told of and left out.
  Result<std::vector<network::NetworkDefinition>> list(const std::function<void(const Error&)>& on_broken = {}) const;
  // By its exact name. Errors: those of a file that cannot be read.
  Result<std::optional<network::NetworkDefinition>> find(const std::string& name) const;
  // By name, id or the unique beginning of an id. Errors: not_found and invalid in podman's words.
  Result<network::NetworkDefinition> get(const std::string& name_or_id) const;

  // Exclusive for who adds, changes or removes; shared for who joins, until that is written down.
  Result<FileLock> lock(LockMode mode, const CancelToken& cancel) const;
  Result<void> write(const network::NetworkDefinition& definition) const;
  Result<void> remove(const std::string& name) const;

 private:
  std::string path_;
};

// Errors: not_found.
Error unknown_network(const std::string& name);

// Errors: not_found in podman's words.
Result<network::LinkPlan> plan_link(const std::string& store, const NetworkAttachment& wanted);

// Those that somebody new joins are there as long as this is held: until the record that names them is visible.
// Nothing is held for other modes. Errors: not_found in podman's words.
Result<std::optional<FileLock>> hold_networks(const std::string& store, const NetworkChoice& choice,
                                              const CancelToken& cancel);

// Networks by their names, and all that is wanted checked as far as it can be without a running network.
// Errors: not_found and invalid, in podman's words.
Result<void> settle_attachments(const std::string& store, NetworkChoice& choice);
// The same for one that comes to `others`.
Result<void> settle_attachment(const std::string& store, NetworkAttachment& wanted,
                               const std::vector<NetworkAttachment>& others);

}  // namespace ctr::engine
