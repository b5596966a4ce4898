// What a program that starts over from a protected view of its file tells that start: how the file is called.
#pragma once

#include <cstddef>

namespace ctr::runtime {

// Of the environment; its value is the absolute path. No other program sees it. Not inline: code that runs before
// relocations reads it, which the linkage of one object for all files would need.
constexpr char k_own_binary_variable[] = "_CTR_INSTALLED_PROGRAM";
constexpr size_t k_own_binary_variable_length = sizeof k_own_binary_variable - 1;

}  // namespace ctr::runtime
