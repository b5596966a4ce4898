// Plain requests by HTTP and HTTPS, which ctr-transfer carries out: files of others, and the API of a cluster.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"

namespace ctr::engine {

struct WebRequest {
  enum class Method { get, patch };
  Method method = Method::get;  // get follows redirects
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;                  // of patch
  bool verify = true;                // certificates
  std::string authorities_pem;       // trusted in addition to the system's
  std::string client_certificate_pem, client_key_pem;
  // Of a probe: the connection is one that is handed over, and what counts is the status of the first answer.
  bool connected = false;
  std::chrono::milliseconds timeout{0};  // for the whole of it; 0: as long as something comes
  bool operator==(const WebRequest&) const = default;
};

struct WebAnswer {
  int status = 0;
  std::string body;
  bool operator==(const WebAnswer&) const = default;
};

// Makes the connection of a request that is `connected`.
using ConnectSocket = std::function<Result<Fd>()>;

inline constexpr size_t k_web_body_limit_bytes = size_t{4} << 20;

Json to_json(const WebRequest& request);
Result<WebRequest> web_request_from_json(const JsonReader& reader);
Json to_json(const WebAnswer& answer);
Result<WebAnswer> web_answer_from_json(const JsonReader& reader);

}  // namespace ctr::engine
