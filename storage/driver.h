// Which overlay the store mounts containers with; decided at first use and kept.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::storage {

class StoreRoot;

enum class OverlayDriver {
  native,  // overlayfs of the kernel inside the container's user namespace, with userxattr (Linux 5.11)
  fuse,    // fuse-overlayfs
};
// "overlay" or "fuse-overlayfs", as info shows it.
std::string_view driver_name(OverlayDriver driver);

// The driver in the file `driver` of the store; nullopt before the first use. Errors: corrupt when the file holds
// another word.
Result<std::optional<OverlayDriver>> find_driver(const StoreRoot& root);
// The kept driver; else asks `native_works` once (it mounts an overlay in a user namespace), keeps the answer and
// returns it. A kept driver is never changed: the upper directories of existing containers depend on it.
Result<OverlayDriver> get_driver(const StoreRoot& root, const std::function<Result<bool>()>& native_works);

}  // namespace ctr::storage
