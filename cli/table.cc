#include "cli/table.h"

#include <algorithm>
#include <numeric>

#include "base/text.h"

namespace ctr::cli {
namespace {

// Go's tabwriter as podman sets it up: cells of at least 12 columns, two of them padding.
constexpr uint32_t k_least_width = 12;
constexpr uint32_t k_gap = 2;

uint32_t columns_of(std::string_view text) {
  return static_cast<uint32_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

void Table::add_cell(std::string_view text) {
  bytes_ += text;
  cells_.push_back({.bytes = static_cast<uint32_t>(text.size()), .columns = columns_of(text)});
  // What follows it shows that the cell before this one is not the last.
  if (row_.cells > 0) {
    if (widths_.size() < row_.cells) widths_.push_back(k_least_width);
    widths_[row_.cells - 1] = std::max(widths_[row_.cells - 1], cells_[cells_.size() - 2].columns + k_gap);
  }
  ++row_.cells;
}

void Table::end_row() {
  rows_.push_back(row_);
  row_ = {.begin = bytes_.size(), .cell = cells_.size()};
}

void Table::append_row(std::string& out, const Row& row) const {
  size_t begin = row.begin;
  for (size_t column = 0; column < row.cells; ++column) {
    const auto& cell = cells_[row.cell + column];
    out.append(bytes_, begin, cell.bytes);
    if (column + 1 < row.cells) out.append(widths_[column] - cell.columns, ' ');
    begin += cell.bytes;
  }
  out += '\n';
}

size_t Table::printed_bytes() const {
  return bytes_.size() + rows_.size() * (std::accumulate(widths_.begin(), widths_.end(), size_t{0}) + 1);
}

std::string Table::text() const {
  std::string out;
  out.reserve(printed_bytes());
  for (const auto& row : rows_) append_row(out, row);
  return out;
}

std::string Table::text(std::span<const size_t> order) const {
  std::string out;
  out.reserve(printed_bytes());
  for (const size_t number : order) append_row(out, rows_[number]);
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
