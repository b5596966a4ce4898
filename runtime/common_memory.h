// The parts of the program that every command uses.
#pragma once

#include <cstdint>

namespace ctr::runtime {

// Addresses, each range without its end; all zero in a program that runtime/entry.cc is not part of. A child has none
// of these pages present, clone3 leaves them out of its page table.
struct CommonMemory {
  uintptr_t code_begin = 0;
  uintptr_t code_end = 0;
  uintptr_t constants_begin = 0;
  uintptr_t constants_end = 0;
};

extern "C" CommonMemory ctr_common_memory;

}  // namespace ctr::runtime
