#include "engine/secrets.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/remove.h"
#include "storage/secrets.h"

namespace ctr::engine {
namespace {

SecretInfo info_of(const storage::SecretRecord& record) {
  return {record.id, record.name, record.driver, record.driver_options, record.labels, record.created, record.updated};
}

// By id, which a replaced secret keeps; by name when it was removed and made again.
Result<storage::SecretRecord> look_up(const storage::SecretStore& secrets, const SecretUse& use) {
  if (!use.id.empty()) {
    auto found = secrets.find(use.id);
    if (found && found->id == use.id) return found;
  }
  return secrets.find(use.name);
}

Result<std::string> variable(const SecretUse& use, const std::string& data) {
  if (data.find('\0') != std::string::npos) {
    return Error(Errc::invalid,
                 fmt::format("secret '{}' holds a NUL byte and cannot be an environment variable", printable(use.name)))
        .with_hint("mount it as a file: --secret " + use.name);
  }
  return use.target + "=" + data;
}

// As podman: what is given later takes the place.
void keep_last_of_each_target(std::vector<SecretUse>& uses) {
  std::vector<SecretUse> kept;
  for (auto& use : uses) {
    std::erase_if(kept,
                  [&](const SecretUse& former) { return former.type == use.type && former.target == use.target; });
    kept.push_back(std::move(use));
  }
  uses = std::move(kept);
}

storage::SecretStore::IfExists if_exists(SecretOptions::IfExists wanted) {
  switch (wanted) {
    case SecretOptions::IfExists::keep:
      return storage::SecretStore::IfExists::keep;
    case SecretOptions::IfExists::replace:
      return storage::SecretStore::IfExists::replace;
    case SecretOptions::IfExists::refuse:
      break;
  }
  return storage::SecretStore::IfExists::refuse;
}

}  // namespace

Result<void> resolve_secrets(Core& core, std::vector<SecretUse>& uses) {
  if (uses.empty()) return ok();
  keep_last_of_each_target(uses);
  const auto* store = TRY(core.store());
  const auto secrets = store->secrets();
  for (auto& use : uses) {
    const auto found = TRY(secrets.find(use.name));
    use.id = found.id;
    use.name = found.name;
  }
  return ok();
}

std::vector<runtime::SecretFile> planned_files(const std::vector<SecretUse>& uses) {
  std::vector<runtime::SecretFile> files;
  for (const auto& use : uses) {
    if (use.type == SecretUse::Type::mount) files.push_back({use.target, use.uid, use.gid, use.mode, 0});
  }
  return files;
}

Result<SecretsOfStart> read_secrets(Core& core, const std::vector<SecretUse>& uses) {
  SecretsOfStart start;
  if (uses.empty()) return start;
  const auto* store = TRY(core.store());
  const auto secrets = store->secrets();
  for (const auto& use : uses) {
    const auto data = TRY(secrets.read(TRY(look_up(secrets, use))));
    if (use.type == SecretUse::Type::env) {
      start.env.push_back(TRY(variable(use, data)));
      continue;
    }
    start.files.push_back({use.target, use.uid, use.gid, use.mode, data.size()});
    start.bytes += data;
  }
  return start;
}

Result<std::vector<std::string>> secret_env(Core& core, std::vector<SecretUse> uses) {
  std::erase_if(uses, [](const SecretUse& use) { return use.type != SecretUse::Type::env; });
  return TRY(read_secrets(core, uses)).env;
}

Result<std::string> create_secret(Core& core, const SecretOptions& options, std::string_view data) {
  const auto* store = TRY(core.store());
  storage::SecretRecord wanted;
  wanted.name = options.name;
  if (!options.driver.empty() && options.driver != wanted.driver) {
    return Error(Errc::unsupported,
                 fmt::format("the secret driver '{}' is not supported: invalid driver", printable(options.driver)))
        .with_hint("the driver 'file' keeps secrets in the store, readable by this user alone");
  }
  if (options.driver_options.contains("path")) {
    return Error(Errc::unsupported, "the driver option path is not supported: secrets are kept in the store");
  }
  wanted.driver_options = options.driver_options;
  wanted.driver_options["path"] = store->path() + "/secrets";
  wanted.labels = options.labels;
  wanted.created = wanted.updated = now();
  const auto id = TRY(store->secrets().make(wanted, data, if_exists(options.if_exists), core.cancel()));
  core.record_event(object_event("secret", "create", id, options.name));
  // What was replaced is gone for good, now and not some day.
  if (options.if_exists == SecretOptions::IfExists::replace) reclaim_space(core);
  return id;
}

Result<std::vector<SecretInfo>> list_secrets(Core& core) {
  const auto* store = TRY(core.store());
  std::vector<SecretInfo> infos;
  for (const auto& record : TRY(store->secrets().list())) infos.push_back(info_of(record));
  return infos;
}

Result<SecretInfo> find_secret(Core& core, const std::string& name_or_id) {
  const auto* store = TRY(core.store());
  return info_of(TRY(store->secrets().find(name_or_id)));
}

Result<std::string> read_secret(Core& core, const SecretInfo& secret) {
  const auto* store = TRY(core.store());
  storage::SecretRecord record;
  record.id = secret.id;
  record.name = secret.name;
  return store->secrets().read(record);
}

Result<std::string> remove_secret(Core& core, const std::string& name_or_id) {
  const auto* store = TRY(core.store());
  const auto secrets = store->secrets();
  const auto found = TRY(secrets.find(name_or_id));
  TRY(secrets.remove(found.id, core.cancel()));
  core.record_event(object_event("secret", "remove", found.id, found.name));
  reclaim_space(core);
  return found.id;
}

}  // namespace ctr::engine
