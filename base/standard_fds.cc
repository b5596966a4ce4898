#include "base/standard_fds.h"

#include <fcntl.h>
#include <poll.h>

#include <array>

namespace ctr {

Result<void> open_missing_standard_fds() {
  std::array<pollfd, 3> standard{};
  for (size_t i = 0; i < standard.size(); ++i) standard[i].fd = static_cast<int>(i);
  // One call for all three: POLLNVAL is what a number that is not open answers with.
  if (::poll(standard.data(), standard.size(), 0) < 0) return Error::from_errno("look at the standard descriptors");
  for (const auto& one : standard) {
    if ((one.revents & POLLNVAL) == 0) continue;
    // The lowest number that is free is this one, as those below it are open.
    // Nothing is read from there, and what is written is an error as it was before: an archive is not lost unseen.
    // not CLOEXEC: programs that are started get it as their input or output.
    if (::open("/dev/null", O_RDONLY) < 0) return Error::from_errno("open '/dev/null'");
  }
  return ok();
}

}  // namespace ctr
