// Unpredictable names and ids, from getrandom(2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ctr {

// `bytes` random bytes as lower-case hex (twice as many characters).
std::string random_hex(size_t bytes);
// 64 random bits.
uint64_t random_number();

}  // namespace ctr
