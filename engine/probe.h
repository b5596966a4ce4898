// Tests of ours, beside the programs in a container: they look from the container's network, and need nothing in it.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "engine/web.h"

namespace ctr::engine {

// The first word of a test that is no program. The words behind it:
inline constexpr std::string_view k_http_test = "CTR-HTTP";  // address, port, path, header lines: GET; 200 to 399 pass
inline constexpr std::string_view k_https_test = "CTR-HTTPS";  // the same; whose certificate it is does not matter
inline constexpr std::string_view k_grpc_test = "CTR-GRPC";    // address, port, service: grpc.health.v1 says SERVING
inline constexpr std::string_view k_tcp_test = "CTR-TCP";      // address, port: a connection is taken
inline constexpr std::string_view k_sleep_test = "CTR-SLEEP";  // seconds
inline constexpr std::string_view k_pass_test = "CTR-PASS";    // nothing: it passes
bool is_own_test(const std::vector<std::string>& test);

struct ProbeResult {
  bool passed = false;
  bool timed_out = false;
  std::string output;  // why it has failed
};

// Carries out a request by TLS over the connection that `connect` makes.
using AskByTls = std::function<Result<WebAnswer>(WebRequest request, const ConnectSocket& connect)>;

// Carries out a test of ours in the network namespace of the process behind a pidfd, which this process enters for
// good; -1: in its own. Errors: those of entering; everything else is a result.
Result<ProbeResult> run_own_test(const std::vector<std::string>& test, int process, std::chrono::nanoseconds timeout,
                                 const CancelToken& cancel, const AskByTls& ask);

}  // namespace ctr::engine
