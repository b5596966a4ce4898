// A lookaside: a tree of signature files at a URL. Source: containers/image "signature protocols".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"
#include "registry/endpoint.h"

namespace ctr::registry {

// URL/repository@sha256=HEX/signature-NUMBER; numbers begin at 1.
std::string signature_url(std::string_view place, const Endpoint& endpoint, const Digest& manifest, size_t number);
// The path of a file URL; nullopt for other URLs. Errors: invalid.
Result<std::optional<std::string>> path_of_file_url(std::string_view url);

// Makes `signature` the only one that is there. Errors: unsupported (not a file URL), io.
Result<void> store_signature(const std::string& place, const Endpoint& endpoint, const Digest& manifest,
                             const std::string& signature);
// Puts `signature` behind those that are there. Errors: unsupported (not a file URL), io.
Result<void> add_signature(const std::string& place, const Endpoint& endpoint, const Digest& manifest,
                           const std::string& signature);

}  // namespace ctr::registry
