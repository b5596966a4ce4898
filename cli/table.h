// Tables as podman prints them: columns at least 12 wide with two blanks between, the last one ragged.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ctr::cli {

// Cells come with control characters already escaped where their text is not ours.
std::string render_table(const std::vector<std::vector<std::string>>& rows);

// The same for text whose cells end with tabs and whose rows end with newlines.
std::string align_tabs(std::string_view text);

}  // namespace ctr::cli
