#include "storage/spool.h"

#include <fcntl.h>

#include "base/random.h"

namespace ctr::storage {

Result<Fd> make_spool(const Dir& dir) {
  Fd fd(::openat(dir.fd(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd.valid()) return fd;
  // NFS and older overlays have no O_TMPFILE.
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT) {
    return Error::from_errno("make a temporary file in '" + dir.path() + "'");
  }
  const std::string name = ".spool." + random_hex(8);
  fd = TRY(dir.open_file(name, O_RDWR | O_CREAT | O_EXCL, 0600));
  TRY(dir.remove_file(name));
  return fd;
}

}  // namespace ctr::storage
