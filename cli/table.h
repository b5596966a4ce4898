// Tables as podman prints them: columns at least 12 wide with two blanks between, the last one ragged.
#pragma once

#include <cstdint>
#include <span>
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
  // Rows as they came.
  std::string text() const;
  // The rows with these numbers, counted from 0 as they came.
  std::string text(std::span<const size_t> order) const;

 private:
  struct Cell {
    uint32_t bytes = 0;
    uint32_t columns = 0;
  };
  struct Row {
    size_t begin = 0;  // its first byte
    size_t cell = 0;   // its first cell
    size_t cells = 0;
  };
  void append_row(std::string& out, const Row& row) const;
  // At most so many bytes are printed.
  size_t printed_bytes() const;
  std::string bytes_;  // of all cells
  std::vector<Cell> cells_;
  std::vector<uint32_t> widths_;
  std::vector<Row> rows_;
  Row row_;  // the one that takes cells
};

// A table of text whose cells end with tabs and whose rows end with newlines.
std::string align_tabs(std::string_view text);

}  // namespace ctr::cli
