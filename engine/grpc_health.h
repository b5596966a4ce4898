// The one call of gRPC that a probe makes, over HTTP/2 without TLS. Pure: bytes that go out, bytes that come in.
//
// Of HTTP/2 as much as it takes: headers of the answer are not read, since what counts is in its message.
// Source: RFC 9113, RFC 7541; grpc/doc/PROTOCOL-HTTP2.md and grpc/health/v1/health.proto of the gRPC project.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::engine {

// Everything that is sent for grpc.health.v1.Health/Check of `service`, in one piece. `authority` is "HOST:PORT".
std::string grpc_health_request(std::string_view authority, std::string_view service);

// The longest name of a service that the request has room for.
inline constexpr size_t k_grpc_service_limit_bytes = 4096;

// What comes back.
class GrpcHealthAnswer {
 public:
  // Takes bytes as they come; the result is what is to be sent for them. Errors: invalid when the peer does not speak
  // HTTP/2, breaks the call off, or says too much.
  Result<std::string> take(std::string_view bytes);
  bool ended() const { return ended_; }
  // ok() for SERVING. Errors: invalid with the status, or when there is none.
  Result<void> verdict() const;

 private:
  struct Frame {
    size_t type = 0, flags = 0, stream = 0;
    std::string_view payload;
  };
  Result<std::string> take_frame(const Frame& frame);
  Result<void> take_data(const Frame& frame);

  std::string buffer_;
  std::string message_;  // with its gRPC prefix
  size_t total_ = 0;
  bool first_ = true;
  bool ended_ = false;
};

}  // namespace ctr::engine
