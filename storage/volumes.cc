#include "storage/volumes.h"

#include <algorithm>

#include "base/json.h"
#include "base/random.h"
#include "storage/containers.h"
#include "storage/root.h"
#include "storage/staging.h"
#include "storage/trash.h"

namespace ctr::storage {
namespace {

constexpr const char* k_record_name = "volume.json";
constexpr const char* k_data_name = "_data";

Json to_json(const VolumeRecord& volume) {
  return Json::object()
      .set("schema", 1)
      .set("name", volume.name)
      .set("driver", volume.driver)
      .set("created", format_rfc3339_nano(volume.created))
      .set("labels", Json::string_map(volume.labels))
      .set("options", Json::string_map(volume.options))
      .set("anonymous", volume.is_anonymous);
}

Result<VolumeRecord> volume_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  VolumeRecord volume;
  volume.name = TRY(reader.get_string("name"));
  volume.driver = TRY(reader.get_string("driver"));
  volume.created = TRY(parse_rfc3339(TRY(reader.get_string("created")), reader.path()));
  volume.labels = TRY(reader.string_map("labels"));
  volume.options = TRY(reader.string_map("options"));
  volume.is_anonymous = TRY(reader.bool_or("anonymous", false));
  return volume;
}

}  // namespace

Result<std::optional<VolumeRecord>> VolumeStore::find(const std::string& name) const {
  TRY(check_name(name, "volume name"));
  const Dir* volumes = TRY(root_->area(Area::volumes));
  std::string file = name + "/" + k_record_name;
  auto text = volumes->read_file(file);
  if (!text && text.error().sys() == ENOENT) return std::optional<VolumeRecord>();
  std::string what = "'" + volumes->path() + "/" + file + "'";
  Json json = TRY(parse_json(TRY(std::move(text)), what));
  return std::optional(TRY(volume_from_json(JsonReader(json, what))));
}

Result<VolumeStore::Made> VolumeStore::find_or_make(const VolumeRecord& wanted) const {
  if (auto there = TRY(find(wanted.name))) return Made{std::move(*there), false};
  (void)TRY(sweep_staging(*root_, Area::volume_staging, 8));
  const Dir* volumes = TRY(root_->area(Area::volumes));
  StagingDir staging = TRY(StagingDir::make(*root_, Area::volume_staging, random_hex(16), 0700));
  TRY(staging.dir().make_dir(k_data_name, 0755));
  TRY(staging.dir().write_file(k_record_name, dump_json(to_json(wanted)) + "\n", Sync::yes));
  auto moved = staging.publish(*volumes, wanted.name);
  if (moved) {
    TRY(volumes->sync());
    return Made{wanted, true};
  }
  if (moved.error().code() != Errc::exists) return std::move(moved).error();
  auto there = TRY(find(wanted.name));
  if (!there) return Error(Errc::in_use, "volume '" + wanted.name + "' is being removed by another process");
  return Made{std::move(*there), false};
}

Result<std::vector<VolumeRecord>> VolumeStore::list() const {
  const Dir* volumes = TRY(root_->area(Area::volumes));
  std::vector<VolumeRecord> found;
  for (const auto& name : TRY(volumes->list())) {
    if (!check_name(name, "volume name")) continue;  // .staging
    if (auto volume = TRY(find(name))) found.push_back(std::move(*volume));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

Result<Dir> VolumeStore::open_data(const std::string& name) const {
  TRY(check_name(name, "volume name"));
  auto dir = TRY(root_->area(Area::volumes))->open_dir(name + "/" + k_data_name);
  if (!dir && dir.error().sys() == ENOENT) return Error(Errc::not_found, "no volume with name '" + name + "'");
  return dir;
}

std::string VolumeStore::data_path(const std::string& name) const {
  return root_->area_path(Area::volumes) + "/" + name + "/" + k_data_name;
}

Result<void> VolumeStore::remove(const std::string& name) const {
  TRY(check_name(name, "volume name"));
  const Dir* volumes = TRY(root_->area(Area::volumes));
  if (!volumes->exists(name)) return Error(Errc::not_found, "no volume with name '" + name + "'");
  return Trash(*root_).discard(*volumes, name);
}

}  // namespace ctr::storage
