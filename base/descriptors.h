// Descriptors that go over a Unix socket with a message. Source: unix(7), SCM_RIGHTS.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace ctr {

// Makes `message` carry the descriptors, which stay the caller's. `room` has space for them and lives as long.
void put_descriptors(msghdr& message, std::span<char> room, std::span<const int> fds);
// All that came with a received message. What there was no room for the kernel has closed.
std::vector<Fd> take_descriptors(msghdr& message);

// The room for up to `Most` descriptors of one message.
template <size_t Most>
class DescriptorRoom {
 public:
  // Without descriptors the message stays as it is.
  void put(msghdr& message, std::span<const int> fds) {
    CTR_ASSERT(fds.size() <= Most);
    if (!fds.empty()) put_descriptors(message, bytes_, fds);
  }
  // For a message that is to be received.
  void offer(msghdr& message) {
    message.msg_control = bytes_.data();
    message.msg_controllen = bytes_.size();
  }

 private:
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * Most)> bytes_{};
};

}  // namespace ctr
