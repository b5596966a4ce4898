#include "runtime/handover.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/descriptors.h"

namespace ctr::runtime {
namespace {

constexpr size_t k_handover_bytes = 2 * sizeof(uint64_t);
static_assert(sizeof(ChildReport) != k_handover_bytes);

}  // namespace

Result<Heard> hear(int socket) {
  char body[sizeof(ChildReport)] = {};
  iovec part{.iov_base = body, .iov_len = sizeof body};
  DescriptorRoom<k_max_namespaces> room;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  room.offer(message);
  ssize_t size = -1;
  do size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno != ECONNRESET) return Error::from_errno("hear from the container's first process");
  if (size <= 0) return Heard{};
  std::vector<Fd> fds = take_descriptors(message);
  if (size == k_handover_bytes) {
    Handover handover{.tag = 0, .value = 0, .fds = std::move(fds)};
    std::memcpy(&handover.tag, body, sizeof handover.tag);
    std::memcpy(&handover.value, body + sizeof handover.tag, sizeof handover.value);
    return Heard{.handover = std::move(handover), .report = {}};
  }
  if (size != sizeof(ChildReport)) {
    return Error(Errc::internal, "the container's first process spoke nonsense");
  }
  ChildReport report;
  std::memcpy(&report, body, sizeof report);
  return Heard{.handover = {}, .report = report};
}

Result<std::optional<Handover>> receive_handover(int socket) { return TRY(hear(socket)).handover; }

}  // namespace ctr::runtime
