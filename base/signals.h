// Names and numbers of signals.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr {

// "SIGTERM", "term", "15", "RTMIN+3", "SIGRTMAX-1". Errors: invalid, "invalid signal: X".
Result<int> parse_signal(std::string_view text);
// "SIGTERM"; real-time signals relative to SIGRTMIN; the number itself when it has no name.
std::string signal_name(int number);

}  // namespace ctr
