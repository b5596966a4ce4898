#include "base/memory.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstdlib>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace ctr {

namespace {

constexpr size_t k_most_bytes = size_t{16} << 20;

struct Pages {
  uintptr_t begin = 0, end = 0;
};

// What prefault_heap() made present last.
Pages& heap_pages() {
  static Pages pages;
  return pages;
}

// The whole pages from `begin` to `end`. Older kernels do not know the advice: each page is then faulted in as it is used.
Pages make_present(uintptr_t begin, uintptr_t end) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const Pages pages = {(begin + page - 1) / page * page, end / page * page};
  if (pages.begin < pages.end) {
    (void)::madvise(reinterpret_cast<void*>(pages.begin), pages.end - pages.begin, MADV_POPULATE_WRITE);
  }
  return pages;
}

// An address within the caller's frame, nearly.
uintptr_t stack_address() { return reinterpret_cast<uintptr_t>(__builtin_frame_address(0)); }

}  // namespace

void prefault_heap(size_t bytes) {
  bytes = std::min(bytes, k_most_bytes);
  // The block is part of the heap, not a mapping of its own, and is kept when it is free again.
  ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(2 * bytes));
  ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
  void* block = std::malloc(bytes);
  if (block == nullptr) return;
  const auto begin = reinterpret_cast<uintptr_t>(block);
  heap_pages() = make_present(begin, begin + bytes);
  std::free(block);
}

void prefault_stack(size_t bytes) {
  const uintptr_t here = stack_address();
  make_present(here - bytes, here);
}

void take_memory_back() {
  const Pages heap = heap_pages();
  if (heap.begin == heap.end) return;
  make_present(heap.begin, heap.end);
  // The frames that are written to when the calls of now return, and those of calls to come.
  constexpr uintptr_t k_above = 16384, k_below = 8192;
  const uintptr_t here = stack_address();
  make_present(here - k_below, here + k_above);
}

}  // namespace ctr
