// What images, containers and volumes take of the disk.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace ctr::engine {

class Core;

// Files that an image needs, by a name that other images have for the same: unpacked layers, and the compressed blobs
// that are kept of them.
using ImageContent = std::map<std::string, uint64_t>;

struct DiskUsage {
  struct Image {
    ImageInfo info;
    ImageContent content;
    uint64_t size_bytes = 0;
    uint64_t shared_bytes = 0;  // of it, what other images need, too
  };
  struct Container {
    ContainerInfo info;
    uint64_t size_bytes = 0;  // what it has written
  };
  struct Volume {
    VolumeInfo info;
    uint64_t size_bytes = 0;
  };
  std::vector<Image> images;
  std::vector<Container> containers;
  std::vector<Volume> volumes;
  uint64_t images_bytes = 0;              // each content once
  uint64_t images_reclaimable_bytes = 0;  // of it, what no container's image needs
};

// Fills in sizes from the content of all images.
void add_up_images(DiskUsage& usage);

// Directories that this user may not read count as empty. What goes away meanwhile is left out.
Result<DiskUsage> measure_disk_usage(Core& core);

}  // namespace ctr::engine
