#include "runtime/signal_fate.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>

#include "base/file.h"

namespace ctr::runtime {
namespace {

// The value of the line "NAME:\tVALUE", which is not the first one; empty when there is none.
std::string_view field(std::string_view status, std::string_view name) {
  const size_t line = status.find(fmt::format("\n{}:\t", name));
  if (line == std::string_view::npos) return {};
  const std::string_view value = status.substr(line + name.size() + 3);
  return value.substr(0, value.find('\n'));
}

// Bit N - 1 of a mask in hexadecimal is signal N.
std::optional<bool> in_mask(std::string_view mask, int signal) {
  uint64_t bits = 0;
  const auto [end, error] = std::from_chars(mask.data(), mask.data() + mask.size(), bits, 16);
  if (error != std::errc() || end != mask.data() + mask.size()) return std::nullopt;
  return (bits >> (signal - 1) & 1) != 0;
}

}  // namespace

bool drops_signal(std::string_view status, std::string_view syscall, int signal) {
  if (signal < 1 || signal > 64 || signal == SIGKILL || signal == SIGSTOP) return false;
  // "NSpid:\t4711\t1": one number for each pid namespace, the process's own last.
  const std::string_view numbers = field(status, "NSpid");
  const size_t last = numbers.find_last_of('\t');
  if (last == std::string_view::npos || numbers.substr(last + 1) != "1") return false;
  // "128 0x7ffd… …", or "running".
  if (syscall.empty() || syscall.starts_with(fmt::format("{} ", SYS_rt_sigtimedwait))) return false;
  const auto caught = in_mask(field(status, "SigCgt"), signal);
  const auto blocked = in_mask(field(status, "SigBlk"), signal);
  return caught && blocked && !*caught && !*blocked;
}

bool process_drops_signal(int pid, int signal) {
  const auto status = read_kernel_file(fmt::format("/proc/{}/status", pid));
  const auto syscall = read_kernel_file(fmt::format("/proc/{}/syscall", pid));
  return status && syscall && drops_signal(*status, *syscall, signal);
}

}  // namespace ctr::runtime
