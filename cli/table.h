// Tables as podman prints them: columns at least 12 wide with two blanks between, the last one ragged.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ctr::cli {

// Takes cells one after the other, row by row.
class Table {
 public:
  // Control characters are already escaped where the text is not ours.
  void add_cell(std::string_view text);
  void end_row();
  std::string text() const;

 private:
  struct Cell {
    size_t bytes = 0;
    size_t columns = 0;
    bool is_last = false;
  };
  std::string bytes_;  // of all cells
  std::vector<Cell> cells_;
  std::vector<size_t> widths_;
  size_t column_ = 0;  // of the next cell
};

// A table of text whose cells end with tabs and whose rows end with newlines.
std::string align_tabs(std::string_view text);

}  // namespace ctr::cli
