#include "cli/table.h"

#include <algorithm>

#include "base/text.h"

namespace ctr::cli {
namespace {

// Go's tabwriter as podman sets it up: cells of at least 12 columns, two of them padding.
constexpr size_t k_least_width = 12;
constexpr size_t k_gap = 2;

size_t columns_of(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

void Table::add_cell(std::string_view text) {
  bytes_ += text;
  cells_.push_back({.bytes = text.size(), .columns = columns_of(text)});
  // What follows it shows that the cell before this one is not the last.
  if (column_ > 0) {
    if (widths_.size() < column_) widths_.push_back(k_least_width);
    widths_[column_ - 1] = std::max(widths_[column_ - 1], cells_[cells_.size() - 2].columns + k_gap);
  }
  ++column_;
}

void Table::end_row() {
  if (column_ == 0) cells_.emplace_back();
  cells_.back().is_last = true;
  column_ = 0;
}

std::string Table::text() const {
  std::string out;
  std::string_view rest = bytes_;
  size_t column = 0;
  for (const auto& cell : cells_) {
    out += rest.substr(0, cell.bytes);
    rest.remove_prefix(cell.bytes);
    if (cell.is_last) {
      out += '\n';
      column = 0;
    } else {
      out.append(widths_[column++] - cell.columns, ' ');
    }
  }
  return out;
}

std::string align_tabs(std::string_view text) {
  Table table;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    for (const auto& cell : split(text.substr(0, end), '\t')) table.add_cell(cell);
    table.end_row();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return table.text();
}

}  // namespace ctr::cli
