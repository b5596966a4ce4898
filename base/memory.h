// What heap, stack and program cost.
#pragma once

#include <cstddef>

namespace ctr {

// Makes room for about `bytes` of small allocations to come, with one call to the kernel in place of a page fault for
// each page. A fault costs half a microsecond on hardware, and 15 to 20 in a virtual machine whose host is one itself.
// Does nothing where the kernel or the allocator has no such thing. For short-lived processes: from then on the heap
// does not shrink.
void prefault_heap(size_t bytes);

// The same for the `bytes` of stack below the caller. At most what the kernel gives a new program's stack, 128 KiB, is
// made present.
void prefault_stack(size_t bytes);

// For processes that have done most of what they do at their start: gives free memory back, and takes the pages of the
// program's file out of the process. What it goes on to execute comes back with a fault, as a rule from memory.
void shrink_to_rest();

}  // namespace ctr
