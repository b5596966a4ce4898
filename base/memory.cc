#include "base/memory.h"

#include <link.h>
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

// The pages from `begin` to `end`, both included. Older kernels do not know the advice: each page is then faulted in as
// it is used.
void make_present(uintptr_t begin, uintptr_t end) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  begin = begin / page * page;
  end = (end / page + 1) * page;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): whole pages have no other address
  (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_WRITE);
}

}  // namespace

void prefault_heap(size_t bytes) {
  bytes = std::min(bytes, k_most_bytes);
  // The block is part of the heap, not a mapping of its own, and is kept when it is free again.
  ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(2 * bytes));
  ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
  void* block = std::malloc(bytes);
  if (block == nullptr) return;
  const auto begin = reinterpret_cast<uintptr_t>(block);
  make_present(begin, begin + bytes);
  std::free(block);
}

void shrink_to_rest() {
  (void)::malloc_trim(0);
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void*) {
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& segment = object->dlpi_phdr[i];
          // What is written to differs from the file: relocated addresses, too, which lie in a segment of that kind.
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
          const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
          const uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
          const uintptr_t first = begin / page * page;
          // NOLINTNEXTLINE(performance-no-int-to-ptr): whole pages have no other address
          (void)::madvise(reinterpret_cast<void*>(first), begin + segment.p_memsz - first, MADV_DONTNEED);
        }
        return 1;  // the program itself comes first
      },
      nullptr);
}

void prefault_stack(size_t bytes) {
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  make_present(here - bytes, here);
}

}  // namespace ctr
