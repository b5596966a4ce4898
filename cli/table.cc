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

std::string render_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      if (i >= widths.size()) widths.push_back(k_least_width);
      widths[i] = std::max(widths[i], columns_of(row[i]) + k_gap);
    }
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - columns_of(row[i]), ' ');
    }
    out += '\n';
  }
  return out;
}

std::string align_tabs(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    rows.push_back(split(text.substr(0, end), '\t'));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return render_table(rows);
}

}  // namespace ctr::cli
