#include "storage/driver.h"

#include "base/text.h"
#include "storage/root.h"

namespace ctr::storage {
namespace {

constexpr const char* k_driver_name = "driver";

}  // namespace

std::string_view driver_name(OverlayDriver driver) {
  return driver == OverlayDriver::native ? "overlay" : "fuse-overlayfs";
}

Result<std::optional<OverlayDriver>> find_driver(const StoreRoot& root) {
  auto text = root.dir().read_file(k_driver_name, 64);
  if (!text && text.error().sys() == ENOENT) return std::optional<OverlayDriver>();
  std::string word(trim(TRY(std::move(text))));
  for (OverlayDriver driver : {OverlayDriver::native, OverlayDriver::fuse}) {
    if (word == driver_name(driver)) return std::optional(driver);
  }
  return Error(Errc::corrupt,
               "'" + root.dir().path() + "/" + k_driver_name + "' names the unknown driver '" + printable(word) + "'");
}

Result<OverlayDriver> get_driver(const StoreRoot& root, const std::function<Result<bool>()>& native_works) {
  if (auto kept = TRY(find_driver(root))) return *kept;
  OverlayDriver chosen = TRY(native_works()) ? OverlayDriver::native : OverlayDriver::fuse;
  // Two first uses at once probe the same host and write the same word.
  TRY(root.dir().write_file(k_driver_name, std::string(driver_name(chosen)) + "\n", Sync::no, 0600));
  return chosen;
}

}  // namespace ctr::storage
