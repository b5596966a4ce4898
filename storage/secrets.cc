#include "storage/secrets.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/json.h"
#include "base/random.h"
#include "base/record_file.h"
#include "base/text.h"
#include "storage/root.h"
#include "storage/staging.h"
#include "storage/trash.h"

namespace ctr::storage {
namespace {

constexpr const char* k_record_name = "secret.json";
constexpr const char* k_data_name = "data";
constexpr int k_record_schema = 1;
// The length that podman's tools expect.
constexpr size_t k_id_digits = 25;
constexpr size_t k_name_limit = 253;

bool is_id(std::string_view text) { return text.size() == k_id_digits && is_lower_hex(text); }

Json to_json(const SecretRecord& secret) {
  return Json::object()
      .set("schema", k_record_schema)
      .set("id", secret.id)
      .set("name", secret.name)
      .set("driver", secret.driver)
      .set("driver_options", Json::string_map(secret.driver_options))
      .set("labels", Json::string_map(secret.labels))
      .set("created", format_rfc3339_nano(secret.created))
      .set("updated", format_rfc3339_nano(secret.updated));
}

Result<SecretRecord> secret_from_json(const JsonReader& reader) {
  TRY(expect_schema(reader, k_record_schema));
  SecretRecord secret;
  secret.id = TRY(reader.get_string("id"));
  secret.name = TRY(reader.get_string("name"));
  secret.driver = TRY(reader.get_string("driver"));
  secret.driver_options = TRY(reader.string_map("driver_options"));
  secret.labels = TRY(reader.string_map("labels"));
  secret.created = TRY(parse_rfc3339(TRY(reader.get_string("created")), reader.path()));
  secret.updated = TRY(parse_rfc3339(TRY(reader.get_string("updated")), reader.path()));
  return secret;
}

// nullopt for one that was removed meanwhile.
Result<std::optional<SecretRecord>> read_record(const Dir& secrets, const std::string& id) {
  const std::string file = id + "/" + k_record_name;
  auto text = secrets.read_file(file);
  if (!text && text.error().sys() == ENOENT) return std::optional<SecretRecord>();
  const std::string what = "'" + secrets.path() + "/" + file + "'";
  const Json json = TRY(parse_json(TRY(std::move(text)), what));
  return std::optional(TRY(secret_from_json(JsonReader(json, what))));
}

Error no_secret(std::string_view name_or_id) {
  return Error(Errc::not_found, fmt::format("no secret with name or id \"{}\": no such secret", printable(name_or_id)))
      .with_hint("`ctr secret ls` lists the secrets, `ctr secret create` keeps one");
}

Result<FileLock> lock_secrets(const StoreRoot& root, const CancelToken& cancel) {
  const Dir* secrets = TRY(root.area(Area::secrets));
  return root.lock_open(TRY(secrets->open_file(".", O_RDONLY | O_DIRECTORY)), LockMode::exclusive, cancel,
                        "the secrets");
}

// podman's rule, and what is safe to print. A name is no path here, but may become the name of a file in a container.
Result<void> check_name(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= k_name_limit && name != "." && name != ".." &&
                    name.find_first_of("=/,") == std::string_view::npos && printable(name) == name;
  if (fits) return ok();
  return Error(Errc::invalid, fmt::format("secret name \"{}\" can not include '=', '/', ',' or control characters and "
                                          "must be between 1 and {} characters: invalid secret name",
                                          printable(name), k_name_limit));
}

Result<void> check_size(size_t size) {
  if (size > 0 && size < k_secret_limit_bytes) return ok();
  return Error(Errc::invalid,
               fmt::format("secret data must be larger than 0 and less than {} bytes", k_secret_limit_bytes));
}

const SecretRecord* find_named(const std::vector<SecretRecord>& secrets, std::string_view name) {
  const auto found = std::find_if(secrets.begin(), secrets.end(), [&](const auto& one) { return one.name == name; });
  return found == secrets.end() ? nullptr : &*found;
}

}  // namespace

Result<std::vector<SecretRecord>> SecretStore::list() const {
  std::vector<SecretRecord> found;
  const Dir* secrets = TRY(root_->find_area(Area::secrets));
  if (secrets == nullptr) return found;
  for (const auto& name : TRY(secrets->list())) {
    if (!is_id(name)) continue;  // .staging
    if (auto secret = TRY(read_record(*secrets, name))) found.push_back(std::move(*secret));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

Result<SecretRecord> SecretStore::find(std::string_view name_or_id) const {
  const auto secrets = TRY(list());
  if (const auto* named = find_named(secrets, name_or_id)) return *named;
  const SecretRecord* match = nullptr;
  for (const auto& secret : secrets) {
    if (name_or_id.empty() || !secret.id.starts_with(name_or_id)) continue;
    if (match != nullptr) {
      return Error(Errc::invalid, fmt::format("'{}' is the beginning of several secret ids", printable(name_or_id)))
          .with_hint(fmt::format("give more digits: {}, {}", match->id, secret.id));
    }
    match = &secret;
  }
  if (match == nullptr) return no_secret(name_or_id);
  return *match;
}

Result<std::string> SecretStore::read(const SecretRecord& secret) const {
  const Dir* secrets = TRY(root_->find_area(Area::secrets));
  if (secrets == nullptr || !is_id(secret.id)) return no_secret(secret.name);
  auto data = secrets->read_file(secret.id + "/" + k_data_name, k_secret_limit_bytes);
  if (!data && data.error().sys() == ENOENT) return no_secret(secret.name);
  return data;
}

Result<std::string> SecretStore::make(const SecretRecord& wanted, std::string_view data, IfExists if_exists,
                                      const CancelToken& cancel) const {
  TRY(check_name(wanted.name));
  TRY(check_size(data.size()));
  TRY(sweep_staging(*root_, Area::secret_staging, 8));
  const auto lock = TRY(lock_secrets(*root_, cancel));
  const auto secrets = TRY(list());
  const auto* former = find_named(secrets, wanted.name);
  if (former != nullptr && if_exists == IfExists::keep) return former->id;
  if (former != nullptr && if_exists == IfExists::refuse) {
    return Error(Errc::exists, wanted.name + ": secret name in use");
  }
  SecretRecord record = wanted;
  record.id = former != nullptr ? former->id : random_hex(16).substr(0, k_id_digits);
  if (former != nullptr) record.created = former->created;

  const Dir* area = TRY(root_->area(Area::secrets));
  StagingDir staging = TRY(StagingDir::make(*root_, Area::secret_staging, random_hex(16), 0700));
  TRY(staging.dir().write_file(k_data_name, data, Sync::yes));
  TRY(staging.dir().write_file(k_record_name, dump_json(to_json(record)) + "\n", Sync::yes));
  if (former == nullptr) {
    TRY(staging.publish(*area, record.id));
  } else {
    // The old one takes the place of the new one in staging, and goes with it.
    TRY(TRY(root_->area(Area::secret_staging))->rename(staging.name(), *area, record.id, RENAME_EXCHANGE));
  }
  TRY(area->sync());
  return record.id;
}

Result<void> SecretStore::remove(const std::string& id, const CancelToken& cancel) const {
  if (!is_id(id)) return no_secret(id);
  const auto lock = TRY(lock_secrets(*root_, cancel));
  const Dir* secrets = TRY(root_->area(Area::secrets));
  if (!secrets->exists(id)) return no_secret(id);
  return Trash(*root_).discard(*secrets, id);
}

}  // namespace ctr::storage
