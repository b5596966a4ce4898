#include "base/random.h"

#include <sys/random.h>

#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace ctr {
namespace {

void fill(void* into, size_t size) {
  auto* bytes = static_cast<unsigned char*>(into);
  while (size > 0) {
    ssize_t got = ::getrandom(bytes, size, 0);
    if (got < 0 && errno == EINTR) continue;
    CTR_ASSERT(got > 0);
    bytes += got;
    size -= static_cast<size_t>(got);
  }
}

}  // namespace

std::string random_hex(size_t bytes) {
  std::string raw(bytes, '\0');
  fill(raw.data(), raw.size());
  return to_hex(raw);
}

uint64_t random_number() {
  uint64_t number = 0;
  fill(&number, sizeof number);
  return number;
}

}  // namespace ctr
