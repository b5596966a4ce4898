#include "cli/image_tree_view.h"

#include "tests/catch.h"

namespace ctr::cli {

namespace {

engine::ImageInfo image(const std::string& name, const std::vector<std::string>& layers) {
  engine::ImageInfo info{.id = digest_of(name).hex(),
                         .manifest = {.media_type = {}, .digest = digest_of(name), .platform = {}, .annotations = {}},
                         .names = {},
                         .repo_digests = {},
                         .name_history = {},
                         .config = {},
                         .layer_sizes_bytes = {},
                         .created = {}};
  if (!name.empty()) info.names = {name};
  for (const auto& layer : layers) {
    info.config.diff_ids.push_back({digest_of(layer)});
    info.layer_sizes_bytes.push_back(1000 * layer.size());
    info.size_bytes += 1000 * layer.size();
  }
  return info;
}

// What a layer is called: the digest of the whole stack.
std::string id(const std::vector<std::string>& layers) {
  return oci::chain_id(image("x", layers).config.diff_ids).digest.hex().substr(0, 12);
}

}  // namespace

TEST_CASE("the layers of an image are shown from the lowest up, with the images that end there") {
  const std::vector images = {image("base:1", {"a"}), image("app:1", {"a", "bb"}), image("other:1", {"c"})};
  CHECK(image_tree(images, images[1], TreeScope::own_layers) ==
        "Image ID: " + digest_of("app:1").hex().substr(0, 12) +
            "\nTags:     [app:1]\nSize:     3kB\nImage Layers\n├── ID: " + id({"a"}) +
            " Size:     1kB Top Layer of: [base:1]\n└── ID: " + id({"a", "bb"}) +
            " Size:     2kB Top Layer of: [app:1]\n\n");
}

TEST_CASE("what requires an image is a tree that forks where images part") {
  const std::vector images = {image("base:1", {"a"}), image("left:1", {"a", "b"}), image("right:1", {"a", "c", "d"})};
  const auto text = image_tree(images, images[0], TreeScope::what_requires);
  const auto top = "Image Layers\n├── ID: " + id({"a"}) + " Size:     1kB Top Layer of: [base:1]\n";
  const auto left = "ID: " + id({"a", "b"}) + " Size:     1kB Top Layer of: [left:1]\n";
  const auto right = "ID: " + id({"a", "c"}) + " Size:     1kB\n";
  const auto last = "ID: " + id({"a", "c", "d"}) + " Size:     1kB Top Layer of: [right:1]\n";
  // Branches are in the order of the ids.
  const bool left_first = id({"a", "b"}) < id({"a", "c"});
  const auto wanted = left_first ? top + "├── " + left + "└── " + right + "    └── " + last
                                 : top + "├── " + right + "│   └── " + last + "└── " + left;
  CHECK(text.substr(text.find("Image Layers")) == wanted + "\n");
}

TEST_CASE("an image without layers says so") {
  const std::vector images = {image("empty:1", {})};
  const auto text = image_tree(images, images[0], TreeScope::what_requires);
  CHECK(text.ends_with("Size:     0B\nNo Image Layers\n\n"));
}

}  // namespace ctr::cli
