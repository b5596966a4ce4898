#include "base/memory.h"

#include <string>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "tests/catch.h"

using namespace ctr;

namespace {

// In KiB, of pages of files.
uint64_t resident_files() {
  const auto status = read_kernel_file("/proc/self/status").value();
  const std::string name = "RssFile:";
  const auto line = status.substr(status.find(name) + name.size());
  const auto number = line.substr(0, line.find("kB"));
  return parse_unsigned(trim(number), "RssFile", UINT32_MAX).value();
}

}  // namespace

TEST_CASE("a process at rest has given back the program's pages, and goes on", "[memory]") {
  const auto before = resident_files();
  shrink_to_rest();
  const auto after = resident_files();
  CHECK(after < before);
  CHECK(std::to_string(after) != std::to_string(before));
}
