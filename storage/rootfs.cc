#include "storage/rootfs.h"

#include <algorithm>

#include "storage/layers.h"
#include "storage/root.h"
#include "storage/store.h"

namespace ctr::storage {
namespace {

// An empty directory for images without layers: overlay needs a lower directory.
Result<std::string> empty_lower(const StoreRoot& root) {
  const Dir* layers = TRY(root.area(Area::layers));
  (void)TRY(layers->open_or_make_dir(".empty", 0755));
  return root.area_path(Area::layers) + "/.empty";
}

std::string escape(const std::string& path, std::string_view special) {
  std::string escaped;
  for (char c : path) {
    if (special.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string stacking(const RootfsSpec& spec) {
  std::string options = "lowerdir=";
  for (size_t i = 0; i < spec.lower.size(); ++i) {
    if (i > 0) options += ':';
    options += escape(spec.lower[i], "\\:,");
  }
  if (!spec.upper.empty()) {
    options += ",upperdir=" + escape(spec.upper, "\\,") + ",workdir=" + escape(spec.work, "\\,");
    if (spec.is_volatile) options += ",volatile";
  }
  return options;
}

}  // namespace

Result<RootfsSpec> make_rootfs(const Store& store, OverlayDriver driver, const std::vector<oci::DiffId>& diff_ids,
                               const ContainerId& container) {
  const LayerStore layers = store.layers();
  RootfsSpec spec;
  spec.driver = driver;
  for (auto id = diff_ids.rbegin(); id != diff_ids.rend(); ++id) {
    auto place = TRY(layers.locate(*id));
    if (!place) {
      return Error(Errc::not_found, "layer '" + id->digest.to_string() + "' is not in the store")
          .with_hint("pull the image again");
    }
    TRY(LayerStore::check_owner(*place));
    // Overlay refuses one directory twice. The upper one of two equal layers says everything that the lower one does.
    if (std::find(spec.lower.begin(), spec.lower.end(), place->diff_path) == spec.lower.end())
      spec.lower.push_back(std::move(place->diff_path));
    if (place->record.is_opaque_root) break;
  }
  if (spec.lower.empty()) spec.lower.push_back(TRY(empty_lower(store.image_root())));
  std::string rw = store.containers().path(container) + "/rw";
  spec.upper = rw + "/upper";
  spec.work = rw + "/work";
  return spec;
}

std::string overlay_options(const RootfsSpec& spec) { return stacking(spec) + ",userxattr"; }

}  // namespace ctr::storage
