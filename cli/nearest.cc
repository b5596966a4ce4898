#include "cli/nearest.h"

#include <algorithm>
#include <vector>

namespace ctr::cli {
namespace {

// No option and no command is longer; the table of a longer word would only cost memory.
constexpr size_t k_longest_word = 64;

size_t tolerance(std::string_view word) { return std::min<size_t>(2, (word.size() + 1) / 3); }

}  // namespace

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

std::string_view nearest_word(std::string_view typed, std::span<const std::string_view> known) {
  if (typed.size() > k_longest_word) return {};
  std::string_view best;
  size_t least = tolerance(typed) + 1;
  for (const auto word : known) {
    if (word.size() > k_longest_word) continue;
    const size_t far = distance(typed, word);
    if (far >= least) continue;
    best = word;
    least = far;
  }
  return best;
}

}  // namespace ctr::cli
