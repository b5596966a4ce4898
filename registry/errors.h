// What a registry's refusal says, as an Error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::registry {

// `body` is the answer's, however far it was read. Source: OCI distribution-spec 1.1 "Error Codes".
// 401 and 403 become unauthorized, 404 not_found, everything else network.
Error error_of_response(int status, std::string_view body);

// Seconds to wait, from a number or a date; -1 when the header is absent or malformed. `now_unix` is for dates.
int64_t retry_after_seconds(std::string_view header, int64_t now_unix);

}  // namespace ctr::registry
