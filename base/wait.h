// Waiting for one descriptor, with a deadline and a way to stop.
#pragma once

#include <chrono>
#include <optional>

#include "base/cancel.h"
#include "base/result.h"

namespace ctr {

// Waits until `fd` reports one of `events` of poll(2), an error or a hang-up. No `timeout` waits for ever.
// Errors: interrupted by `cancel`, timed_out.
Result<void> wait_for(int fd, short events, const CancelToken& cancel = {},
                      std::optional<std::chrono::milliseconds> timeout = {});

// poll(2) timeout until `deadline`: rounded up, 0 when it has passed, -1 without one.
int poll_timeout(std::optional<std::chrono::steady_clock::time_point> deadline);

}  // namespace ctr
