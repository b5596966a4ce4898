// The socket on which a runtime hands over the master of a container's terminal. Source: the protocol of runc's and
// crun's --console-socket: one message with one descriptor.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace ctr::runtime {

class [[nodiscard]] ConsoleSocket {
 public:
  // Listens at `path`. Errors: invalid when it does not fit an address.
  static Result<ConsoleSocket> listen(std::string path);
  ConsoleSocket(ConsoleSocket&&) noexcept = default;
  ConsoleSocket& operator=(ConsoleSocket&&) = delete;
  ~ConsoleSocket();

  const std::string& path() const { return path_; }
  // What came, after the runtime has ended. Errors: internal when nothing did.
  Result<Fd> receive() const;

 private:
  ConsoleSocket(Fd listener, std::string path) : listener_(std::move(listener)), path_(std::move(path)) {}
  Fd listener_;
  std::string path_;
};

}  // namespace ctr::runtime
