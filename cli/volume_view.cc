#include "cli/volume_view.h"

#include "base/time.h"

namespace ctr::cli {

Json volume_json(const engine::VolumeInfo& volume) {
  Json out = Json::object();
  out.set("Name", volume.name)
      .set("Driver", volume.driver)
      .set("Mountpoint", volume.mountpoint)
      .set("CreatedAt", format_rfc3339(volume.created))
      .set("Labels", Json::string_map(volume.labels))
      .set("Scope", "local")
      .set("Options", Json::string_map(volume.options));
  if (volume.uid != 0) out.set("UID", volume.uid);
  if (volume.gid != 0) out.set("GID", volume.gid);
  if (volume.anonymous) out.set("Anonymous", true);
  out.set("MountCount", volume.mount_count);
  if (volume.needs_copy_up) out.set("NeedsCopyUp", true);
  if (volume.needs_chown) out.set("NeedsChown", true);
  out.set("LockNumber", 0);
  return out;
}

Json volume_row(const engine::VolumeInfo& volume) {
  Json out = Json::object();
  out.set("Name", volume.name)
      .set("Driver", volume.driver)
      .set("Mountpoint", volume.mountpoint)
      .set("CreatedAt", format_go_time(volume.created))
      .set("Status", Json::object())
      .set("Labels", Json::string_map(volume.labels))
      .set("Scope", "local")
      .set("Options", Json::string_map(volume.options))
      .set("UID", volume.uid)
      .set("GID", volume.gid)
      .set("Anonymous", volume.anonymous)
      .set("MountCount", volume.mount_count)
      .set("NeedsCopyUp", volume.needs_copy_up)
      .set("NeedsChown", volume.needs_chown)
      .set("Timeout", 0)
      .set("StorageID", "")
      .set("LockNumber", 0);
  return out;
}

Listing volume_listing() {
  Listing listing;
  listing.name = "ls";
  listing.types.root = "*entities.VolumeListReport";
  listing.types.maps = {"Labels", "Options", "Status"};
  listing.columns = {"Driver", "Name"};
  listing.headings = {{"Name", "VOLUME NAME"}};
  return listing;
}

Listing volume_inspect_listing() {
  Listing listing = volume_listing();
  listing.name = "inspect";
  listing.types.root = "*entities.VolumeInspectReport";
  return listing;
}

}  // namespace ctr::cli
