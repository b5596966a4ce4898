// Descriptors handed to a caller that listens for them: the master of a terminal, the pidfd of a first process.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace ctr::runtime {

// Connects to the stream socket at `path`, which may be longer than an address can be.
Result<Fd> connect_descriptor_socket(const std::string& path);
// One message: `name` as its bytes, the descriptor with it.
Result<void> send_descriptor(int socket, int fd, std::string_view name);

}  // namespace ctr::runtime
