#include "runtime/cgroup_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::runtime {

Result<void> write_cgroup_file(const Dir& dir, const std::string& name, const std::string& value) {
  const Fd file = TRY(dir.open_file(name, O_WRONLY));
  // One write(2): the kernel takes each as a whole.
  if (::write(file.get(), value.data(), value.size()) < 0) {
    return Error::from_errno(fmt::format("write '{}' to '{}/{}'", value, dir.path(), name));
  }
  return ok();
}

std::optional<std::string> find_cgroup_text(const Dir& dir, const std::string& name) {
  const auto file = dir.open_file(name, O_RDONLY);
  if (!file) return std::nullopt;
  auto text = read_all(file->get(), size_t{1} << 20, name);
  if (!text) return std::nullopt;
  return std::string(trim(*text));
}

std::string cgroup_text(const Dir& dir, const std::string& name) { return find_cgroup_text(dir, name).value_or(""); }

std::vector<std::string> cgroup_words(const Dir& dir, const std::string& name) {
  std::vector<std::string> out = split(cgroup_text(dir, name), ' ');
  std::erase(out, "");
  return out;
}

std::map<std::string, uint64_t> parse_flat_keyed(std::string_view text) {
  std::map<std::string, uint64_t> out;
  for (const std::string& line : split(text, '\n')) {
    const auto pair = split_once(line, ' ');
    if (!pair) continue;
    if (const auto value = parse_unsigned(pair->second, pair->first)) out[pair->first] = *value;
  }
  return out;
}

uint64_t cgroup_count(const Dir& dir, const std::string& file, const std::string& key) {
  const auto counts = parse_flat_keyed(cgroup_text(dir, file));
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

Result<std::vector<pid_t>> cgroup_processes(const Dir& dir) {
  const Fd file = TRY(dir.open_file("cgroup.procs", O_RDONLY));
  // A fork bomb of 4 million processes has 32 MB of numbers.
  const std::string text = TRY(read_all(file.get(), size_t{64} << 20, dir.path() + "/cgroup.procs"));
  std::vector<pid_t> out;
  for (const std::string& line : split(text, '\n')) {
    // 0 is a process outside of our pid namespace.
    const auto pid = parse_unsigned(line, "pid", INT32_MAX);
    if (pid && *pid > 0) out.push_back(static_cast<pid_t>(*pid));
  }
  return out;
}

Result<std::string> cgroup_of(pid_t pid) {
  const std::string path = pid == 0 ? "/proc/self/cgroup" : fmt::format("/proc/{}/cgroup", pid);
  const std::string text = TRY(read_kernel_file(path));
  for (const std::string& line : split(text, '\n')) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return Error(Errc::not_found, fmt::format("'{}' names no cgroup of v2", path));
}

}  // namespace ctr::runtime
