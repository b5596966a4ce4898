// Transport: single HTTP exchanges, side by side over one connection pool. No redirects, no retries, no credentials.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "registry/blob_sink.h"
#include "registry/url.h"

namespace ctr::registry {

enum class Method { get, head, post, put, patch, del };

struct TlsSetup {
  enum class Verify { yes, no } verify = Verify::yes;
  std::string authorities_pem;  // trusted in addition to the system's
  std::string client_certificate_path;
  std::string client_key_path;
};

struct HttpRequest {
  Method method = Method::get;
  Url url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;                  // for post
  BlobSource* upload = nullptr;      // for put and patch; not owned
  uint64_t upload_size_bytes = 0;
  TlsSetup tls;
  int connection = -1;  // a connected socket, used in place of a new connection and of proxies; stays the caller's
};

struct ResponseHead {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case, repeated ones joined with ", "
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

// Takes an answer as it comes in. An error ends the exchange.
class ResponseHandler {
 public:
  virtual ~ResponseHandler() = default;
  // Once, before the first byte of the body.
  virtual Result<void> on_head(const ResponseHead& head) = 0;
  virtual Result<void> on_body(std::span<const std::byte> bytes) = 0;
};

// How an exchange ended.
struct Outcome {
  enum class Kind {
    answered,     // head and the whole body came
    unreachable,  // no connection: name, refused, timed out
    tls,          // the TLS handshake failed or the certificate is not trusted
    broken,       // the connection broke off, or nothing came for too long: worth another try
    protocol,     // the peer does not speak HTTP, or its head is too long
    handler,      // the handler returned `error`
  };
  Kind kind = Kind::answered;
  ResponseHead head;
  std::optional<Error> error;  // of everything but `answered`
};

struct TransportLimits {
  std::chrono::milliseconds connect{30'000};
  std::chrono::milliseconds idle{60'000};
  size_t head_bytes = size_t{64} << 10;
};

class Exchange;

// One curl multi handle: HTTP/2 where TLS offers it, connections kept and shared, proxies as the environment says.
class [[nodiscard]] Transport {
 public:
  struct State;
  static Result<Transport> create(std::string user_agent, TransportLimits limits, const CancelToken& cancel);
  Transport(Transport&&) noexcept;
  Transport& operator=(Transport&&) noexcept;
  ~Transport();

  // Starts an exchange; it is broken off when the result is destroyed, which must be before this Transport and
  // `handler` are.
  Result<std::unique_ptr<Exchange>> start(const HttpRequest& request, ResponseHandler& handler);
  // Moves all exchanges on, waiting at most `longest`. Errors: interrupted.
  Result<void> step(std::chrono::milliseconds longest);

 private:
  explicit Transport(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class [[nodiscard]] Exchange {
 public:
  struct State;
  explicit Exchange(std::unique_ptr<State> state);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();
  // nullptr while it runs.
  const Outcome* outcome() const;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace ctr::registry
