#include "cli/disk_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/container_view.h"
#include "cli/image_view.h"

namespace ctr::cli {
namespace {

using engine::ContainerState;
using engine::DiskUsage;

constexpr size_t k_short_id = 12;

struct Summary {
  std::string_view type;
  int64_t total = 0;
  int64_t active = 0;
  uint64_t size_bytes = 0;
  uint64_t reclaimable_bytes = 0;
};

Json summary_row(const Summary& summary) {
  const auto percent = summary.size_bytes == 0 ? 0
                                               : static_cast<int>(static_cast<double>(summary.reclaimable_bytes) /
                                                                  static_cast<double>(summary.size_bytes) * 100);
  return Json::object()
      .set("Type", summary.type)
      .set("Total", summary.total)
      .set("Active", summary.active)
      .set("RawSize", summary.size_bytes)
      .set("RawReclaimable", summary.reclaimable_bytes)
      .set("TotalCount", summary.total)
      .set("Size", human_size(summary.size_bytes))
      .set("Reclaimable", fmt::format("{} ({}%)", human_size(summary.reclaimable_bytes), percent));
}

Summary images_summary(const DiskUsage& usage) {
  const auto active = std::count_if(usage.images.begin(), usage.images.end(),
                                    [](const auto& image) { return image.info.containers > 0; });
  return {"Images", static_cast<int64_t>(usage.images.size()), active, usage.images_bytes,
          usage.images_reclaimable_bytes};
}

Summary containers_summary(const DiskUsage& usage) {
  Summary summary{.type = "Containers", .total = static_cast<int64_t>(usage.containers.size())};
  for (const auto& container : usage.containers) {
    summary.size_bytes += container.size_bytes;
    if (container.info.state == ContainerState::running || container.info.state == ContainerState::paused) {
      ++summary.active;
    } else {
      summary.reclaimable_bytes += container.size_bytes;
    }
  }
  return summary;
}

Summary volumes_summary(const DiskUsage& usage) {
  Summary summary{.type = "Local Volumes", .total = static_cast<int64_t>(usage.volumes.size())};
  for (const auto& volume : usage.volumes) {
    summary.size_bytes += volume.size_bytes;
    if (volume.info.users.empty()) {
      summary.reclaimable_bytes += volume.size_bytes;
    } else {
      ++summary.active;
    }
  }
  return summary;
}

Listing listing_of(std::string_view name, std::vector<std::string> columns,
                   std::map<std::string, std::string> headings = {}) {
  Listing listing;
  listing.name = name;
  listing.types.root = "*system." + std::string(name);
  listing.columns = std::move(columns);
  listing.headings = std::move(headings);
  return listing;
}

}  // namespace

Json disk_summary_rows(const DiskUsage& usage) {
  Json rows = Json::array();
  for (const auto& summary : {images_summary(usage), containers_summary(usage), volumes_summary(usage)}) {
    rows.push(summary_row(summary));
  }
  return rows;
}

Listing disk_summary_listing() { return listing_of("df", {"Type", "Total", "Active", "Size", "Reclaimable"}); }

Json disk_image_rows(const DiskUsage& usage, TimePoint at) {
  Json rows = Json::array();
  for (const auto& image : usage.images) {
    for (const auto& named : image_rows({image.info})) {
      rows.push(Json::object()
                    .set("Repository", named.repository)
                    .set("Tag", named.tag)
                    .set("ImageID", image.info.id.substr(0, k_short_id))
                    .set("Created", human_duration(at - image.info.created))
                    .set("Size", human_size(image.size_bytes))
                    .set("SharedSize", human_size(image.shared_bytes))
                    .set("UniqueSize", human_size(image.size_bytes - image.shared_bytes))
                    .set("Containers", image.info.containers));
    }
  }
  return rows;
}

Listing disk_image_listing() {
  return listing_of("df", {"Repository", "Tag", "ImageID", "Created", "Size", "SharedSize", "UniqueSize", "Containers"},
                    {{"ImageID", "IMAGE ID"}});
}

Json disk_container_rows(const DiskUsage& usage, TimePoint at) {
  Json rows = Json::array();
  for (const auto& container : usage.containers) {
    const auto& info = container.info;
    const auto volumes = std::count_if(usage.volumes.begin(), usage.volumes.end(), [&](const auto& volume) {
      const auto& users = volume.info.users;
      return std::find(users.begin(), users.end(), info.id.hex) != users.end();
    });
    rows.push(Json::object()
                  .set("ContainerID", info.id.short_form())
                  .set("Image", info.image_id.substr(0, k_short_id))
                  .set("Command", printable(join(info.argv, " ")))
                  .set("LocalVolumes", static_cast<int64_t>(volumes))
                  .set("Size", human_size(container.size_bytes))
                  .set("Created", human_duration(at - info.created))
                  .set("Status", engine::state_name(info.state))
                  .set("Names", info.name));
  }
  return rows;
}

Listing disk_container_listing() {
  return listing_of("df", {"ContainerID", "Image", "Command", "LocalVolumes", "Size", "Created", "Status", "Names"},
                    {{"ContainerID", "CONTAINER ID"}});
}

Json disk_volume_rows(const DiskUsage& usage) {
  Json rows = Json::array();
  for (const auto& volume : usage.volumes) {
    rows.push(Json::object()
                  .set("Name", volume.info.name)
                  .set("Links", static_cast<int64_t>(volume.info.users.size()))
                  .set("Size", human_size(volume.size_bytes)));
  }
  return rows;
}

Listing disk_volume_listing() { return listing_of("df", {"Name", "Links", "Size"}, {{"Name", "VOLUME NAME"}}); }

}  // namespace ctr::cli
