// Requests to the kernel over netlink sockets, and its answers. Source: netlink(7), rtnetlink(7).
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ctr {

// One request: a netlink header, a family header and attributes, in a fixed buffer with checked bounds.
class NetlinkRequest {
 public:
  template <typename Header>
  NetlinkRequest(uint16_t type, uint16_t flags, uint32_t sequence, const Header& header) {
    nlmsghdr head{};
    head.nlmsg_type = type;
    head.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    head.nlmsg_seq = sequence;
    append(&head, sizeof head);
    append(&header, sizeof header);
  }

  void attribute(uint16_t type, const void* data, size_t size_bytes) {
    rtattr attribute{};
    attribute.rta_type = type;
    attribute.rta_len = static_cast<uint16_t>(RTA_LENGTH(size_bytes));
    append(&attribute, sizeof attribute);
    append(data, size_bytes);
  }
  void attribute(uint16_t type, uint32_t value) { attribute(type, &value, sizeof value); }

  // Attributes, and first perhaps a header, that are added up to end_nested() are inside of one of this type.
  size_t begin_nested(uint16_t type) {
    const size_t begin = NLMSG_ALIGN(used_);
    attribute(static_cast<uint16_t>(type | NLA_F_NESTED), nullptr, 0);
    return begin;
  }
  template <typename Header>
  void nested_header(const Header& header) {
    append(&header, sizeof header);
  }
  void end_nested(size_t begin) {
    const auto length = static_cast<uint16_t>(used_ - begin);
    std::memcpy(buffer_.data() + begin, &length, sizeof length);  // rta_len is the first member
  }

  std::string_view finish() {
    auto length = static_cast<uint32_t>(used_);
    std::memcpy(buffer_.data(), &length, sizeof length);  // nlmsg_len is the first member
    return {buffer_.data(), used_};
  }

 private:
  void append(const void* data, size_t size_bytes) {
    size_t aligned = NLMSG_ALIGN(used_);
    CTR_ASSERT(aligned + size_bytes <= buffer_.size());
    if (size_bytes > 0) std::memcpy(buffer_.data() + aligned, data, size_bytes);
    used_ = aligned + size_bytes;
  }

  alignas(NLMSG_ALIGNTO) std::array<char, 512> buffer_{};
  size_t used_ = 0;
};

struct NetlinkReply {
  uint16_t type = 0;
  int error = 0;                  // of an NLMSG_ERROR, as a positive errno
  std::array<char, 64> header{};  // the family header of any other message
};

// The next answer with this sequence number.
Result<NetlinkReply> read_netlink_reply(int fd, uint32_t sequence, std::string_view what);

// Sends the request to the kernel, by its address: then the rights of the sender are looked at, not of the one who
// opened the socket. `what` is the act for errors.
// Errors: those of the kernel.
Result<NetlinkReply> exchange_netlink(int fd, NetlinkRequest& request, uint32_t sequence, std::string_view what);

// A message of a list: its type, and what is behind the netlink header.
struct NetlinkMessage {
  uint16_t type = 0;
  std::string payload;
};

// Sends a request with NLM_F_DUMP and collects the list.
Result<std::vector<NetlinkMessage>> dump_netlink(int fd, NetlinkRequest& request, uint32_t sequence,
                                                 std::string_view what);

// The value of an attribute among `attributes`, the bytes behind a family header; nullopt when there is none.
std::optional<std::string_view> find_netlink_attribute(std::string_view attributes, uint16_t type);

}  // namespace ctr
