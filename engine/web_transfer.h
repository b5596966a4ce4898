// Requests as ctr-transfer carries them out; see web.h.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "engine/web.h"

namespace ctr::engine {

// One after the other, until one is answered with 400 or more: the answers so far. Errors: network, invalid for a URL
// or an answer that is too long, interrupted.
Result<std::vector<WebAnswer>> carry_out(const std::vector<WebRequest>& requests, const std::string& user_agent,
                                         const CancelToken& cancel);

// Appends what is at `url` to a file, following redirects. Errors: as those of carry_out(), not_found, and those of
// writing.
Result<void> fetch_file(const std::string& url, int file, const std::string& user_agent, const CancelToken& cancel);

}  // namespace ctr::engine
