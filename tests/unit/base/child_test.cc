#include "base/child.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "base/file.h"
#include "base/paths.h"
#include "tests/catch.h"
#include "tests/temporary_dir.h"

using namespace std::chrono_literals;
using ctr::Errc;
using ctr::run_program;
using ctr::SpawnOptions;

namespace {

SpawnOptions shell(const std::string& script) {
  SpawnOptions options;
  options.program = "/bin/sh";
  options.argv = {"sh", "-c", script};
  options.env = {"PATH=/usr/bin:/bin", "ONLY=this"};
  return options;
}

std::string output_of(const std::string& script, std::string_view input = "") {
  auto output = run_program(shell(script), input, 10s);
  return output ? output->out : "error: " + output.error().text();
}

}  // namespace

TEST_CASE("a program gives its output, errors and exit code") {
  auto output = run_program(shell("echo out; echo err >&2; exit 3"), "", 10s);
  REQUIRE(output);
  CHECK(output->out == "out\n");
  CHECK(output->err == "err\n");
  CHECK(output->status == ctr::ExitStatus{.code = 3, .signal = 0});
}

TEST_CASE("input larger than a pipe does not block, read or not") {
  std::string input(3'000'000, 'x');
  CHECK(output_of("wc -c", input) == "3000000\n");
  CHECK(output_of("true", input).empty());
  CHECK(output_of("cat").empty());
}

TEST_CASE("output over the limit is dropped and the program goes on") {
  auto output = run_program(shell("head -c 3000000 /dev/zero; exit 4"), "", 10s);
  REQUIRE(output);
  CHECK(output->out.size() == 1 << 20);
  CHECK(output->status.code == 4);
}

TEST_CASE("a program that does not end is killed at the deadline") {
  CHECK(run_program(shell("exec sleep 60"), "", 50ms).error().code() == Errc::timed_out);
  CHECK(run_program(shell("exec yes"), "", 50ms).error().code() == Errc::timed_out);
}

TEST_CASE("a descendant that keeps the pipes does not hold us") { CHECK(output_of("sleep 1 & echo done") == "done\n"); }

TEST_CASE("a program is stopped when the user asks for it") {
  auto stop = ctr::make_pipe().value();
  stop.write_end.reset();
  auto output = run_program(shell("exec sleep 60"), "", 10s, ctr::CancelToken(stop.read_end.get()));
  CHECK(output.error().code() == Errc::interrupted);
}

TEST_CASE("death by a signal reads as shells say it") {
  auto output = run_program(shell("kill -9 $$"), "", 10s);
  CHECK(output->status == ctr::ExitStatus{.code = 137, .signal = SIGKILL});
}

TEST_CASE("a program starts with default signals, nothing blocked and only its own environment") {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  auto* handler = std::signal(SIGPIPE, SIG_IGN);
  std::string status = output_of("grep -E '^Sig(Blk|Ign)' /proc/self/status; tr '\\0' '\\n' < /proc/self/environ");
  (void)std::signal(SIGPIPE, handler);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  CHECK(status.find("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n") == 0);
  CHECK(status.find("ONLY=this") != std::string::npos);
  CHECK(status.find("HOME=") == std::string::npos);
}

TEST_CASE("descriptors come to their places, even when the numbers cross") {
  ctr::test::TemporaryDir temporary;
  auto out = ctr::make_pipe().value();
  auto first = ctr::make_sealed_memfd("first", "1").value();
  auto second = ctr::make_sealed_memfd("second", "2").value();
  // Left open without CLOEXEC, as a careless parent does: it must not reach the program.
  ctr::Fd leaked(::fcntl(first.get(), F_DUPFD, 3));
  REQUIRE(leaked.valid());
  auto options = shell("cat <&" + std::to_string(second.get()) + "; cat <&" + std::to_string(first.get()) +
                       "; ls /proc/self/fd | wc -l; readlink /proc/self/fd/0");
  options.fds = {{first.get(), second.get()}, {second.get(), first.get()}, {out.write_end.get(), 1}};
  options.cwd = temporary.path();
  auto child = ctr::spawn(options).value();
  out.write_end.reset();
  // 0-2, the two memory files, and the directory that ls reads.
  CHECK(*ctr::read_all(out.read_end.get(), 1000, "a pipe") == "126\n/dev/null\n");
  CHECK(child.wait()->code == 0);
}

TEST_CASE("a program runs in the directory it is given") {
  ctr::test::TemporaryDir temporary;
  auto options = shell("pwd -P");
  options.cwd = temporary.path();
  CHECK(run_program(options, "", 10s)->out == *ctr::absolute_path(temporary.path()) + "\n");
}

TEST_CASE("a program that cannot be started is named") {
  auto options = shell("");
  options.program = "/nonexistent/program";
  auto child = ctr::spawn(options);
  CHECK(child.error().text() == "start '/nonexistent/program': No such file or directory");
  CHECK(child.error().code() == Errc::not_found);
  options.program = "/etc/passwd";
  CHECK(ctr::spawn(options).error().code() == Errc::permission);
  options.program = "sh";
  CHECK(ctr::spawn(options).error().code() == Errc::invalid);
}

TEST_CASE("a child that is dropped is killed and leaves no zombie") {
  pid_t pid = -1;
  {
    auto child = ctr::spawn(shell("exec sleep 60")).value();
    pid = child.pid();
    CHECK(child.wait({}, 10ms).error().code() == Errc::timed_out);
  }
  CHECK(::kill(pid, 0) < 0);
  CHECK(errno == ESRCH);
}

TEST_CASE("a signal reaches the child") {
  auto child = ctr::spawn(shell("exec sleep 60")).value();
  REQUIRE(child.signal(SIGTERM));
  CHECK(child.wait()->signal == SIGTERM);
}
