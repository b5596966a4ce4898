// Signals that the kernel drops.
#include "runtime/signal_fate.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "tests/catch.h"

using namespace ctr::runtime;

namespace {

// Of /proc/PID/status, what counts. SIGTERM is bit 14.
std::string status(std::string_view nspid, std::string_view blocked, std::string_view caught) {
  return fmt::format(
      "Name:\tsleep\nUmask:\t0022\nNSpid:\t{}\nSigPnd:\t0000000000000000\nSigBlk:\t{}\n"
      "SigIgn:\t0000000000000000\nSigCgt:\t{}\n",
      nspid, blocked, caught);
}
constexpr std::string_view k_running = "running\n";
constexpr std::string_view k_none = "0000000000000000";
constexpr std::string_view k_term = "0000000000004000";

}  // namespace

TEST_CASE("the first process of a pid namespace gets the signals that it has a handler for or blocks") {
  CHECK(drops_signal(status("4711\t1", k_none, k_none), k_running, SIGTERM));
  CHECK(drops_signal(status("4711\t12\t1", k_none, k_none), k_running, SIGTERM));
  CHECK_FALSE(drops_signal(status("4711\t1", k_none, k_term), k_running, SIGTERM));
  CHECK_FALSE(drops_signal(status("4711\t1", k_term, k_none), k_running, SIGTERM));
  CHECK(drops_signal(status("4711\t1", k_none, k_term), k_running, SIGINT));
  CHECK(drops_signal(status("4711\t1", k_none, k_none), k_running, 64));
  CHECK_FALSE(drops_signal(status("4711\t1", k_none, "8000000000000000"), k_running, 64));
}

TEST_CASE("who waits for signals gets them") {
  const std::string waiting = fmt::format("{} 0x7ffd 0x0 0x0 0x8 0x0 0x0 0x7ffc 0x7f00\n", SYS_rt_sigtimedwait);
  CHECK_FALSE(drops_signal(status("4711\t1", k_none, k_none), waiting, SIGTERM));
  CHECK(drops_signal(status("4711\t1", k_none, k_none), "7 0x0\n", SIGTERM));
  CHECK_FALSE(drops_signal(status("4711\t1", k_none, k_none), "", SIGTERM));
}

TEST_CASE("no other process drops a signal, and nobody SIGKILL") {
  CHECK_FALSE(drops_signal(status("4711\t7", k_none, k_none), k_running, SIGTERM));
  CHECK_FALSE(drops_signal(status("4711", k_none, k_none), k_running, SIGTERM));
  CHECK_FALSE(drops_signal(status("1", k_none, k_none), k_running, SIGTERM));
  CHECK_FALSE(drops_signal(status("4711\t1", k_none, k_none), k_running, SIGKILL));
  CHECK_FALSE(drops_signal(status("4711\t1", k_none, k_none), k_running, 0));
  CHECK_FALSE(drops_signal(status("4711\t1", k_none, k_none), k_running, 65));
}

TEST_CASE("what cannot be read is sent") {
  CHECK_FALSE(drops_signal("", k_running, SIGTERM));
  CHECK_FALSE(drops_signal(status("4711\t1", "nothing", k_none), k_running, SIGTERM));
  CHECK_FALSE(process_drops_signal(getpid(), SIGTERM));
  CHECK_FALSE(process_drops_signal(0, SIGTERM));
}
