// One file from an http or https URL that the user typed: for `ctr import`. No credentials are sent.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/result.h"

namespace ctr::registry {

// Takes the bytes of the file in order.
using UrlSink = std::function<Result<void>(std::span<const std::byte> bytes)>;

// Fetches `url` once and follows at most ten redirects, of which none leads from https to http.
// Errors: invalid (not such a URL), not_found and other refusals of the server, network, interrupted, and those of `sink`.
Result<void> fetch_url(std::string_view url, const std::string& user_agent, const UrlSink& sink,
                       const CancelToken& cancel);

}  // namespace ctr::registry
