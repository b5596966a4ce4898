#include <fmt/format.h>

#include <array>
#include <charconv>
#include <csignal>

#include "base/text.h"
#include "engine/spec_gen.h"

namespace ctr::engine {

namespace {

struct NamedSignal {
  std::string_view name;
  int number;
};

constexpr auto k_signals = std::to_array<NamedSignal>(
    {{"HUP", SIGHUP},       {"INT", SIGINT},   {"QUIT", SIGQUIT},   {"ILL", SIGILL},   {"TRAP", SIGTRAP},
     {"ABRT", SIGABRT},     {"BUS", SIGBUS},   {"FPE", SIGFPE},     {"KILL", SIGKILL}, {"USR1", SIGUSR1},
     {"SEGV", SIGSEGV},     {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},   {"ALRM", SIGALRM}, {"TERM", SIGTERM},
     {"STKFLT", 16},        {"CHLD", SIGCHLD}, {"CONT", SIGCONT},   {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},
     {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},     {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
     {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"PWR", SIGPWR},
     {"SYS", SIGSYS},       {"IOT", SIGABRT},  {"CLD", SIGCHLD},    {"POLL", SIGIO}});

// The kernel's range: the C library hides the first two from programs, but a container may use them.
constexpr int k_real_time_min = 34;
constexpr int k_real_time_max = 64;

std::optional<int> number_of(std::string_view text) {
  int number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<int> real_time(std::string_view name) {
  int base = 0;
  int sign = 0;
  if (name.starts_with("RTMIN")) {
    base = k_real_time_min;
    sign = 1;
  } else if (name.starts_with("RTMAX")) {
    base = k_real_time_max;
    sign = -1;
  } else {
    return std::nullopt;
  }
  name.remove_prefix(5);
  if (name.empty()) return base;
  if (name.front() != (sign > 0 ? '+' : '-')) return std::nullopt;
  const auto offset = number_of(name.substr(1));
  if (!offset || *offset < 0 || *offset > k_real_time_max - k_real_time_min) return std::nullopt;
  return base + sign * *offset;
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
  if (const auto number = number_of(text); number && *number >= 1 && *number <= k_real_time_max) return *number;
  auto name = to_upper(text);
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const auto& signal : k_signals) {
    if (signal.name == name) return signal.number;
  }
  if (const auto number = real_time(name)) return *number;
  return Error(Errc::invalid, fmt::format("invalid signal: {}", printable(text)));
}

std::string signal_name(int number) {
  for (const auto& signal : k_signals) {
    if (signal.number == number) return fmt::format("SIG{}", signal.name);
  }
  return std::to_string(number);
}

}  // namespace ctr::engine
