#include "cli/image_tree_view.h"

#include <fmt/format.h>

#include <map>

#include "base/text.h"

namespace ctr::cli {
namespace {

using engine::ImageInfo;

constexpr size_t k_id_width = 12;

// A stack of layers, named by the digest of all of it.
struct Node {
  std::string id;
  uint64_t size_bytes = 0;                // of the layer on top
  std::vector<std::string> names;         // of the images that end here
  std::map<std::string, Node*> children;  // what lies on it, by id
};

// The stacks of all images. Nodes live in the map, whose elements stay where they are.
class Layers {
 public:
  void add(const ImageInfo& image) {
    Node* below = nullptr;
    for (Node* node : path_of(image)) {
      if (below != nullptr) below->children.emplace(node->id, node);
      below = node;
    }
    if (below != nullptr) below->names.insert(below->names.end(), image.names.begin(), image.names.end());
  }

  // From the first layer up.
  std::vector<Node*> path_of(const ImageInfo& image) {
    std::vector<Node*> path;
    std::vector<oci::DiffId> stack;
    for (size_t i = 0; i < image.config.diff_ids.size(); ++i) {
      stack.push_back(image.config.diff_ids[i]);
      auto id = oci::chain_id(stack).digest.hex();
      Node& node = nodes_[id];
      if (node.id.empty() && i < image.layer_sizes_bytes.size()) node.size_bytes = image.layer_sizes_bytes[i];
      node.id = std::move(id);
      path.push_back(&node);
    }
    return path;
  }

 private:
  std::map<std::string, Node> nodes_;
};

std::string names_text(const std::vector<std::string>& names) { return "[" + join(names, " ") + "]"; }

std::string node_text(const Node& node) {
  auto text = fmt::format("ID: {} Size: {:>7}", node.id.substr(0, k_id_width), human_size(node.size_bytes));
  if (!node.names.empty()) text += " Top Layer of: " + names_text(node.names);
  return text;
}

// What is printed: lines, some with lines of their own below them.
struct Branch {
  std::string text;
  std::vector<Branch> branches;
};

// A layer with one layer on it is followed by that in the same column; only what follows a fork is indented.
void grow(const Node& node, bool is_fork, std::vector<Branch>& into) {
  into.push_back({node_text(node), {}});
  std::vector<Branch> above;
  for (const auto& [id, child] : node.children) grow(*child, node.children.size() > 1, is_fork ? above : into);
  if (is_fork) into.back().branches = std::move(above);
}

void print(const std::vector<Branch>& branches, const std::string& indent, std::string& out) {
  for (size_t i = 0; i < branches.size(); ++i) {
    const bool is_last = i + 1 == branches.size();
    out += indent + (is_last ? "└── " : "├── ") + branches[i].text + "\n";
    print(branches[i].branches, indent + (is_last ? "    " : "│   "), out);
  }
}

}  // namespace

std::string image_tree(const std::vector<ImageInfo>& images, const ImageInfo& image, TreeScope scope) {
  Layers layers;
  for (const auto& other : images) layers.add(other);
  const auto path = layers.path_of(image);
  std::vector<Branch> branches;
  if (scope == TreeScope::own_layers) {
    for (const auto* node : path) branches.push_back({node_text(*node), {}});
  } else if (!path.empty()) {
    const bool is_fork = path.size() > 1 && path[path.size() - 2]->children.size() > 1;
    grow(*path.back(), is_fork, branches);
  }
  auto out = fmt::format("Image ID: {}\nTags:     {}\nSize:     {}\n{}\n", image.id.substr(0, k_id_width),
                         names_text(image.names), human_size(image.size_bytes),
                         path.empty() ? "No Image Layers" : "Image Layers");
  print(branches, "", out);
  return out + "\n";  // podman's tree ends with an empty line
}

}  // namespace ctr::cli
