#include "engine/network/mounted_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

namespace ctr::engine::network {

Result<void> rewrite_mounted(const std::string& path, std::string_view text) {
  const Fd file = TRY(open_path(path, O_WRONLY | O_NOFOLLOW));
  TRY(write_all(file.get(), text, "'" + path + "'"));
  if (::ftruncate(file.get(), static_cast<off_t>(text.size())) != 0) {
    return Error::from_errno("shorten '" + path + "'");
  }
  return ok();
}

}  // namespace ctr::engine::network
