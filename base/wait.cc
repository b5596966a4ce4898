#include "base/wait.h"

#include <poll.h>

#include <algorithm>
#include <array>

namespace ctr {

using std::chrono::steady_clock;

int poll_timeout(std::optional<steady_clock::time_point> deadline) {
  if (!deadline) return -1;
  constexpr int64_t k_longest = 3'600'000;  // an hour later we look again
  auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, k_longest));
}

Result<void> wait_for(int fd, short events, const CancelToken& cancel,
                      std::optional<std::chrono::milliseconds> timeout) {
  std::optional<steady_clock::time_point> deadline;
  if (timeout) deadline = steady_clock::now() + *timeout;
  while (true) {
    // poll(2) passes over the entry of a token that never fires: its descriptor is -1.
    std::array<pollfd, 2> entries = {pollfd{.fd = fd, .events = events, .revents = 0},
                                     pollfd{.fd = cancel.fd(), .events = POLLIN, .revents = 0}};
    int count = ::poll(entries.data(), entries.size(), poll_timeout(deadline));
    if (count < 0 && errno != EINTR) return Error::from_errno("wait for a descriptor");
    if (count > 0 && entries[0].revents != 0) return ok();
    if (count > 0) return Error(Errc::interrupted, "interrupted");
    if (deadline && steady_clock::now() >= *deadline) {
      return Error(Errc::timed_out, "no answer within " + std::to_string(timeout->count()) + " ms");
    }
  }
}

}  // namespace ctr
