#include "storage/volumes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/json.h"
#include "base/random.h"
#include "base/record_file.h"
#include "storage/containers.h"
#include "storage/root.h"
#include "storage/staging.h"
#include "storage/trash.h"

namespace ctr::storage {
namespace {

constexpr const char* k_record_name = "volume.json";
constexpr int k_record_schema = 1;

Json to_json(const VolumeRecord& volume) {
  return Json::object()
      .set("schema", k_record_schema)
      .set("name", volume.name)
      .set("driver", volume.driver)
      .set("created", format_rfc3339_nano(volume.created))
      .set("labels", Json::string_map(volume.labels))
      .set("options", Json::string_map(volume.options))
      .set("uid", volume.uid)
      .set("gid", volume.gid)
      .set("anonymous", volume.is_anonymous)
      .set("needs_copy_up", volume.needs_copy_up)
      .set("needs_chown", volume.needs_chown);
}

Result<uint32_t> read_id(const JsonReader& reader, std::string_view key) {
  const auto id = TRY(reader.uint_or(key, 0));
  if (id >= UINT32_MAX) return reader.wrong(key, "a user or group id");
  return static_cast<uint32_t>(id);
}

Result<VolumeRecord> volume_from_json(const JsonReader& reader) {
  TRY(expect_schema(reader, k_record_schema));
  VolumeRecord volume;
  volume.name = TRY(reader.get_string("name"));
  volume.driver = TRY(reader.get_string("driver"));
  volume.created = TRY(parse_rfc3339(TRY(reader.get_string("created")), reader.path()));
  volume.labels = TRY(reader.string_map("labels"));
  volume.options = TRY(reader.string_map("options"));
  volume.uid = TRY(read_id(reader, "uid"));
  volume.gid = TRY(read_id(reader, "gid"));
  volume.is_anonymous = TRY(reader.bool_or("anonymous", false));
  volume.needs_copy_up = TRY(reader.bool_or("needs_copy_up", false));
  volume.needs_chown = TRY(reader.bool_or("needs_chown", false));
  return volume;
}

Result<VolumeRecord> read_record(const Dir& dir, const std::string& file) {
  const auto text = TRY(dir.read_file(file));
  const std::string what = "'" + dir.path() + "/" + file + "'";
  const Json json = TRY(parse_json(text, what));
  return volume_from_json(JsonReader(json, what));
}

Result<void> write_record(const Dir& dir, const VolumeRecord& record, Sync sync) {
  return dir.write_file(k_record_name, dump_json(to_json(record)) + "\n", sync);
}

// Everybody in a container may look into a volume, whatever the umask of the user.
Result<Dir> make_data(const Dir& parent) {
  TRY(parent.make_dir(k_volume_data, 0755));
  auto data = TRY(parent.open_dir(k_volume_data));
  if (::fchmod(data.fd(), 0755) != 0) return Error::from_errno("set the mode of '" + data.path() + "'");
  return data;
}

}  // namespace

Result<std::optional<VolumeRecord>> VolumeStore::find(const std::string& name) const {
  TRY(check_name(name, "volume name"));
  const Dir* volumes = TRY(root_->find_area(Area::volumes));
  if (volumes == nullptr) return std::optional<VolumeRecord>();
  auto record = read_record(*volumes, name + "/" + k_record_name);
  if (!record && record.error().sys() == ENOENT) return std::optional<VolumeRecord>();
  return std::optional(TRY(std::move(record)));
}

Result<std::vector<VolumeRecord>> VolumeStore::list() const {
  std::vector<VolumeRecord> found;
  const Dir* volumes = TRY(root_->find_area(Area::volumes));
  if (volumes == nullptr) return found;
  for (const auto& name : TRY(volumes->list())) {
    if (!check_name(name, "volume name")) continue;  // .staging
    if (auto volume = TRY(find(name))) found.push_back(std::move(*volume));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

Result<void> VolumeStore::make(const VolumeRecord& wanted, Sync sync, const Prepare& prepare) const {
  TRY(check_name(wanted.name, "volume name"));
  (void)TRY(sweep_staging(*root_, Area::volume_staging, 8));
  const Dir* volumes = TRY(root_->area(Area::volumes));
  if (volumes->exists(wanted.name)) return Error(Errc::exists, "there is a volume '" + wanted.name + "'");
  StagingDir staging = TRY(StagingDir::make(*root_, Area::volume_staging, random_hex(16), 0700));
  const Dir data = TRY(make_data(staging.dir()));
  if (prepare) {
    TRY(prepare(staging.dir()));
    if (sync == Sync::yes) TRY(data.sync());
  }
  TRY(write_record(staging.dir(), wanted, sync));
  TRY(staging.publish(*volumes, wanted.name));
  return sync == Sync::yes ? volumes->sync() : ok();
}

Result<std::optional<HeldVolume>> VolumeStore::hold(const std::string& name, LockMode mode,
                                                    const CancelToken& cancel) const {
  TRY(check_name(name, "volume name"));
  const Dir* volumes = TRY(root_->find_area(Area::volumes));
  while (volumes != nullptr) {
    auto dir = volumes->open_dir(name);
    if (!dir && dir.error().sys() == ENOENT) break;
    if (!dir) return std::move(dir).error();
    auto lock =
        TRY(root_->lock_open(TRY(dir->open_file(".", O_RDONLY | O_DIRECTORY)), mode, cancel, "volume '" + name + "'"));
    // It was removed, and perhaps made again, while we waited.
    if (!is_still_there(*volumes, name, *dir)) continue;
    auto record = TRY(read_record(*dir, k_record_name));
    return std::optional(HeldVolume{std::move(record), std::move(lock), std::move(*dir)});
  }
  return std::optional<HeldVolume>();
}

Result<VolumeStore::Made> VolumeStore::hold_or_make(const VolumeRecord& wanted, Sync sync,
                                                    const CancelToken& cancel) const {
  bool is_new = false;
  while (true) {
    if (auto held = TRY(hold(wanted.name, LockMode::shared, cancel))) return Made{std::move(*held), is_new};
    auto made = make(wanted, sync);
    if (!made && made.error().code() != Errc::exists) return std::move(made).error();
    is_new = static_cast<bool>(made);
  }
}

Result<void> VolumeStore::update(const HeldVolume& held) const {
  return write_record(held.dir, held.record, Sync::yes);
}

Result<void> VolumeStore::remove(const HeldVolume& held) const {
  return Trash(*root_).discard(*TRY(root_->area(Area::volumes)), held.record.name);
}

Result<Dir> VolumeStore::open_data(const std::string& name) const {
  TRY(check_name(name, "volume name"));
  auto dir = TRY(root_->area(Area::volumes))->open_dir(name + "/" + k_volume_data);
  if (!dir && dir.error().sys() == ENOENT) return Error(Errc::not_found, "no volume with name '" + name + "'");
  return dir;
}

std::string VolumeStore::data_path(const std::string& name) const {
  return root_->area_path(Area::volumes) + "/" + name + "/" + k_volume_data;
}

}  // namespace ctr::storage
