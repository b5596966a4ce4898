#include "engine/volume_users.h"

#include <algorithm>

#include "engine/each_record.h"

namespace ctr::engine {

namespace {

bool names_volume(const MountRecord& mount) { return mount.type == "volume"; }

}  // namespace

Result<std::map<std::string, std::vector<storage::ContainerEntry>>> users_of_volumes(Core& core) {
  std::map<std::string, std::vector<storage::ContainerEntry>> users;
  TRY(for_each_record(
      core, [](const std::string& text) { return text.find("\"volume\"") != std::string::npos; },
      [&](const storage::ContainerEntry& entry, const Result<ContainerRecord>& record) -> Result<void> {
        if (!record) return ok();  // a damaged container must not hide the volumes
        for (const auto& mount : record->mounts) {
          if (!names_volume(mount)) continue;
          auto& list = users[mount.name];
          if (list.empty() || list.back().id != entry.id) list.push_back(entry);
        }
        return ok();
      }));
  return users;
}

Result<std::vector<storage::ContainerEntry>> find_volume_users(Core& core, const std::string& name) {
  std::vector<storage::ContainerEntry> users;
  TRY(for_each_record(
      core, [&](const std::string& text) { return text.find("\"" + name + "\"") != std::string::npos; },
      [&](const storage::ContainerEntry& entry, const Result<ContainerRecord>& record) -> Result<void> {
        // It names the volume, and nobody can tell what for.
        if (!record) return record.error();
        const bool uses = std::any_of(record->mounts.begin(), record->mounts.end(),
                                      [&](const auto& mount) { return names_volume(mount) && mount.name == name; });
        if (uses) users.push_back(entry);
        return ok();
      }));
  return users;
}

}  // namespace ctr::engine
