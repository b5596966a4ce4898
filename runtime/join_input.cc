#include "runtime/join_input.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ctr::runtime {

InputSource::InputSource(int fd, std::string keys)
    : fd_(fd), terminal_(fd >= 0 && ::isatty(fd) == 1), matcher_(terminal_ ? std::move(keys) : std::string()) {}

InputSource::State InputSource::read(size_t limit_bytes, bool hang_up) {
  char buffer[16 << 10];
  ssize_t size = -1;
  do size = ::read(fd_, buffer, std::min(limit_bytes, sizeof(buffer)));
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return State::data;
  if (size <= 0) {
    // A read error of a terminal in the background or of a dead one; of anything else it is the end, too.
    bool gone = terminal_ && (hang_up || size < 0);
    fd_ = -1;
    return gone ? State::hung_up : State::end;
  }
  DetachMatcher::Step step = matcher_.feed(std::string_view(buffer, static_cast<size_t>(size)));
  waiting_ = std::move(step.pass);
  return step.detached ? State::detached : State::data;
}

}  // namespace ctr::runtime
