#include "storage/quarantine.h"

#include <cerrno>

#include "base/random.h"
#include "storage/root.h"
#include "storage/trash.h"

namespace ctr::storage {

namespace {

constexpr const char* k_quarantine_name = "quarantine";

}  // namespace

Result<void> Quarantine::take(const Dir& dir, std::string_view name, const std::string& label) const {
  const Dir quarantine = TRY(root_->dir().open_or_make_dir(k_quarantine_name, 0700));
  return root_->with_reserve([&]() -> Result<void> {
    auto moved = dir.rename(name, quarantine, label + "-" + random_hex(4));
    if (!moved && moved.error().sys() == ENOENT) return ok();
    return moved;
  });
}

Result<void> Quarantine::empty() const {
  const auto quarantine = root_->dir().open_dir(k_quarantine_name);
  if (!quarantine) return ok();
  for (const auto& name : TRY(quarantine->list())) TRY(Trash(*root_).discard(*quarantine, name));
  return root_->dir().remove_dir(k_quarantine_name);
}

}  // namespace ctr::storage
