// The known word that somebody has most likely meant.
#pragma once

#include <span>
#include <string_view>

namespace ctr::cli {

// How many letters are to be put in, left out, changed or swapped with their neighbour to get from one word to the
// other.
size_t distance(std::string_view a, std::string_view b);
// The word of `known` that `typed` differs least from, the first of several; empty when every one is too far away: two
// letters and a third of the word at most.
std::string_view nearest_word(std::string_view typed, std::span<const std::string_view> known);

}  // namespace ctr::cli
