// Questions to a person: asked on stderr, answered by a line of stdin.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"

namespace ctr::cli {

// One line of stdin without its newline, after a prompt on stderr. Errors: io, interrupted.
Result<std::string> read_line(const CancelToken& cancel, std::string_view prompt);
// Which of several references a short name means; the answer's index.
// Errors: invalid when none is chosen; io, interrupted.
Result<size_t> choose_reference(const CancelToken& cancel, const std::string& short_name,
                                const std::vector<std::string>& references);

}  // namespace ctr::cli
