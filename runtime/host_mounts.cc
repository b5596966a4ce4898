#include "runtime/host_mounts.h"

#include <algorithm>

#include "base/text.h"

namespace ctr::runtime {
namespace {

// Space, tab, newline and backslash are written as a backslash and three octal digits.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size();
    if (!escape) {
      out += text[i];
      continue;
    }
    out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return out;
}

bool is_below(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

}  // namespace

std::vector<std::string> kernel_mounts(std::string_view mountinfo, std::string_view root) {
  std::vector<std::string> out;
  for (const std::string& line : split(mountinfo, '\n')) {
    const size_t separator = line.find(" - ");
    const std::vector<std::string> fields = split(line, ' ');
    if (separator == std::string::npos || fields.size() < 5) continue;
    const std::string_view rest = std::string_view(line).substr(separator + 3);
    const std::string_view type = rest.substr(0, rest.find(' '));
    if (type != "proc" && type != "sysfs") continue;
    std::string path = unescape(fields[4]);
    if (!is_below(path, root)) out.push_back(std::move(path));
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace ctr::runtime
