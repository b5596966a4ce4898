// AF_UNIX SOCK_STREAM sockets of other programs, and descriptors sent over them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace ctr {

// Connects to the socket at `path`, whatever its length: an address has room for 107 bytes, so that it is named through
// the descriptor of its directory.
Result<Fd> connect_stream(const std::string& path);

// Sends all of `bytes`, which must not be empty, and with the first of them the descriptors, which stay the caller's.
// Errors: io when the peer is gone or does not read for ten seconds.
Result<void> send_with_descriptors(int socket, std::string_view bytes, const std::vector<int>& fds);

}  // namespace ctr
