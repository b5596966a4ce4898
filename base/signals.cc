#include "base/signals.h"

#include <fmt/format.h>

#include <array>
#include <csignal>

#include "base/parse.h"
#include "base/text.h"

namespace ctr {
namespace {

struct Named {
  std::string_view name;
  int number;
};
constexpr std::array k_signals = {
    Named{"HUP", SIGHUP},   Named{"INT", SIGINT},       Named{"QUIT", SIGQUIT},  Named{"ILL", SIGILL},
    Named{"TRAP", SIGTRAP}, Named{"ABRT", SIGABRT},     Named{"BUS", SIGBUS},    Named{"FPE", SIGFPE},
    Named{"KILL", SIGKILL}, Named{"USR1", SIGUSR1},     Named{"SEGV", SIGSEGV},  Named{"USR2", SIGUSR2},
    Named{"PIPE", SIGPIPE}, Named{"ALRM", SIGALRM},     Named{"TERM", SIGTERM},  Named{"STKFLT", SIGSTKFLT},
    Named{"CHLD", SIGCHLD}, Named{"CONT", SIGCONT},     Named{"STOP", SIGSTOP},  Named{"TSTP", SIGTSTP},
    Named{"TTIN", SIGTTIN}, Named{"TTOU", SIGTTOU},     Named{"URG", SIGURG},    Named{"XCPU", SIGXCPU},
    Named{"XFSZ", SIGXFSZ}, Named{"VTALRM", SIGVTALRM}, Named{"PROF", SIGPROF},  Named{"WINCH", SIGWINCH},
    Named{"IO", SIGIO},     Named{"PWR", SIGPWR},       Named{"SYS", SIGSYS},    Named{"IOT", SIGABRT},
    Named{"CLD", SIGCHLD},  Named{"POLL", SIGIO},       Named{"UNUSED", SIGSYS},
};

// The kernel's range, which containers use; libc keeps the first two for itself. Source: signal(7).
constexpr int k_realtime_first = 34;
constexpr int k_realtime_last = 64;

}  // namespace

Result<int> parse_signal(std::string_view text) {
  const Error wrong(Errc::invalid, fmt::format("invalid signal: {}", printable(text)));
  if (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    auto number = parse_unsigned(text, "signal", k_realtime_last);
    if (!number || *number == 0) return wrong;
    return static_cast<int>(*number);
  }
  std::string name = to_upper(text);
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const auto& known : k_signals) {
    if (known.name == name) return known.number;
  }
  const bool from_first = name.starts_with("RTMIN");
  if (!from_first && !name.starts_with("RTMAX")) return wrong;
  uint64_t distance = 0;
  if (name.size() > 5) {
    if (name[5] != (from_first ? '+' : '-')) return wrong;
    auto parsed = parse_unsigned(std::string_view(name).substr(6), "signal", k_realtime_last - k_realtime_first);
    if (!parsed) return wrong;
    distance = *parsed;
  }
  return from_first ? k_realtime_first + static_cast<int>(distance) : k_realtime_last - static_cast<int>(distance);
}

std::string signal_name(int number) {
  for (const auto& known : k_signals) {
    if (known.number == number) return fmt::format("SIG{}", known.name);
  }
  if (number == k_realtime_first) return "SIGRTMIN";
  if (number > k_realtime_first && number <= k_realtime_last)
    return fmt::format("SIGRTMIN+{}", number - k_realtime_first);
  return std::to_string(number);
}

}  // namespace ctr
