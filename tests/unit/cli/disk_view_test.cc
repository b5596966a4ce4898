#include "cli/disk_view.h"

#include "base/digest.h"
#include "tests/catch.h"

namespace ctr::cli {
namespace {

engine::DiskUsage::Image image_of(char digit, std::vector<std::string> names, int containers,
                                  engine::ImageContent content) {
  engine::ImageInfo info{std::string(64, digit),
                         {"", digest_of("manifest"), 0, {}, {}},
                         std::move(names),
                         {},
                         {},
                         {},
                         0,
                         {},
                         TimePoint(),
                         containers};
  return {std::move(info), std::move(content), 0, 0};
}

engine::DiskUsage usage_of_all() {
  engine::DiskUsage usage;
  usage.images = {image_of('a', {"docker.io/library/debian:12"}, 1, {{"base", 1000}, {"top", 500}}),
                  image_of('b', {}, 0, {{"base", 1000}, {"other", 2000}})};
  engine::add_up_images(usage);
  engine::DiskUsage::Container running;
  running.info.id.hex = std::string(64, 'c');
  running.info.name = "web";
  running.info.argv = {"sleep", "9"};
  running.info.image_id = std::string(64, 'a');
  running.info.state = engine::ContainerState::running;
  running.size_bytes = 300;
  auto ended = running;
  ended.info.state = engine::ContainerState::exited;
  ended.info.id.hex = std::string(64, 'd');
  ended.size_bytes = 100;
  usage.containers = {running, ended};
  engine::DiskUsage::Volume volume;
  volume.info.name = "data";
  volume.info.users = {running.info.id.hex};
  volume.size_bytes = 4000;
  usage.volumes = {volume};
  return usage;
}

std::string field(const Json& rows, size_t row, const char* name) {
  return rows.as_array().at(row).find(name)->as_string();
}

}  // namespace

TEST_CASE("what several images need counts once, and what no container's image needs can come back") {
  const auto usage = usage_of_all();
  CHECK(usage.images_bytes == 3500);
  CHECK(usage.images_reclaimable_bytes == 2000);
  CHECK(usage.images[0].size_bytes == 1500);
  CHECK(usage.images[0].shared_bytes == 1000);
  CHECK(usage.images[1].size_bytes == 3000);
}

TEST_CASE("each kind has a row with its sum and its share that can come back") {
  const auto rows = disk_summary_rows(usage_of_all());
  CHECK(field(rows, 0, "Type") == "Images");
  CHECK(field(rows, 0, "Size") == "3.5kB");
  CHECK(field(rows, 0, "Reclaimable") == "2kB (57%)");
  CHECK(rows.as_array()[0].find("Active")->as_int() == 1);
  CHECK(field(rows, 1, "Size") == "400B");
  CHECK(field(rows, 1, "Reclaimable") == "100B (25%)");
  CHECK(field(rows, 2, "Reclaimable") == "0B (0%)");
  CHECK(field(disk_summary_rows({}), 0, "Reclaimable") == "0B (0%)");
}

TEST_CASE("details name images, containers and volumes") {
  const auto usage = usage_of_all();
  const auto images = disk_image_rows(usage, TimePoint());
  CHECK(field(images, 0, "Repository") == "docker.io/library/debian");
  CHECK(field(images, 0, "SharedSize") == "1kB");
  CHECK(field(images, 0, "UniqueSize") == "500B");
  CHECK(field(images, 1, "Tag") == "<none>");
  const auto containers = disk_container_rows(usage, TimePoint());
  CHECK(field(containers, 0, "Command") == "sleep 9");
  CHECK(containers.as_array()[0].find("LocalVolumes")->as_int() == 1);
  CHECK(containers.as_array()[1].find("LocalVolumes")->as_int() == 0);
  CHECK(field(disk_volume_rows(usage), 0, "Size") == "4kB");
}

}  // namespace ctr::cli
