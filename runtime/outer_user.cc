#include "runtime/outer_user.h"

#include <vector>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "runtime/idmap.h"

namespace ctr::runtime {

uint32_t outer_uid(uint32_t uid) {
  const auto text = read_kernel_file("/proc/self/uid_map");
  if (!text) return uid;
  std::vector<IdRange> ranges;
  for (const std::string& line : split(*text, '\n')) {
    std::vector<uint32_t> numbers;
    for (const std::string& word : split(line, ' ')) {
      const auto number = word.empty() ? Result<uint64_t>(uint64_t{0}) : parse_unsigned(word, "uid_map", UINT32_MAX);
      if (!word.empty() && number) numbers.push_back(static_cast<uint32_t>(*number));
    }
    if (numbers.size() == 3) ranges.push_back({.inside = numbers[0], .outside = numbers[1], .size = numbers[2]});
  }
  return to_outside(ranges, uid).value_or(uid);
}

}  // namespace ctr::runtime
