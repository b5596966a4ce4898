// The layers of images as a tree, for `image tree`.
#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"

namespace ctr::cli {

enum class TreeScope {
  own_layers,    // the layers of the image, the first one on top
  what_requires  // the image's last layer and all that other images put on it
};

// The tree that podman prints. `images`: all of the store, `image` among them; layers of other images count when they
// lie on the same layers. A layer is called by its chain id, since one diff on different layers is not one layer.
std::string image_tree(const std::vector<engine::ImageInfo>& images, const engine::ImageInfo& image, TreeScope scope);

}  // namespace ctr::cli
