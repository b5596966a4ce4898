// The account files of images.
#include "base/users.h"
#include "tests/fuzz/fuzz.h"

void fuzz(std::string_view text) {
  for (const auto& entry : ctr::parse_passwd(text)) {
    CTR_ASSERT(!entry.name.empty());
    CTR_ASSERT(entry.uid != UINT32_MAX && entry.gid != UINT32_MAX);
  }
  for (const auto& entry : ctr::parse_group(text)) CTR_ASSERT(!entry.name.empty() && entry.gid != UINT32_MAX);
  for (const auto& range : ctr::parse_subids(text, "root", 0)) {
    CTR_ASSERT(range.count > 0 && uint64_t{range.first} + range.count <= UINT32_MAX);
  }
}
