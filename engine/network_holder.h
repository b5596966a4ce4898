// A container or a pod whose networks or ports are being changed, whether it runs or not.
#pragma once

#include <string>
#include <variant>

#include "base/json.h"
#include "base/lock.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/pod_record.h"
#include "engine/record.h"

namespace ctr::engine {

class [[nodiscard]] NetworkHolder {
 public:
  // By name, id or the unique beginning of an id; of two with one name the container is meant. Its lock is held as long
  // as this object lives. Errors: as resolve_container(); unsupported for a pod whose members share no network.
  static Result<NetworkHolder> open(Core& core, const std::string& name_or_id);

  const std::string& id() const;
  const std::string& name() const;
  bool is_pod() const { return std::holds_alternative<PodRecord>(record_); }
  // What write() keeps of it, and what every start takes.
  ContainerSpec& spec();
  bool runs() const { return runs_; }
  // See NetworkSetup::change().
  Result<void> tell(const Json& order, int fd = -1) const;
  // The members of a pod show what it publishes.
  Result<void> write();
  Event event(std::string_view status) const;

 private:
  using Record = std::variant<ContainerRecord, PodRecord>;
  NetworkHolder(Core& core, FileLock lock, Dir dir, Record record, bool runs)
      : core_(&core), lock_(std::move(lock)), dir_(std::move(dir)), record_(std::move(record)), runs_(runs) {}
  static Result<NetworkHolder> open_container(Core& core, const storage::ContainerEntry& entry);
  static Result<NetworkHolder> open_pod(Core& core, const storage::ContainerEntry& entry);
  Result<void> write_members() const;

  Core* core_;
  FileLock lock_;
  Dir dir_;
  Record record_;
  bool runs_;
};

}  // namespace ctr::engine
