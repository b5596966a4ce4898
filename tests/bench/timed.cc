// timed COMMAND [ARG...]: runs a command and prints a line: wall time in ns, user and system time of its process tree
// in us, and the largest resident set of a process in it in KiB. The exit code is the command's.
//
// A process's largest resident set counts what it had before execve, so that who measures has to be small.
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace {

long long now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

long long micros(const timeval& time) { return time.tv_sec * 1'000'000LL + time.tv_usec; }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 125;
  const long long begin = now_ns();
  pid_t pid = -1;
  if (const int error = posix_spawnp(&pid, argv[1], nullptr, nullptr, argv + 1, environ); error != 0) {
    std::fprintf(stderr, "timed: %s: %s\n", argv[1], std::strerror(error));
    return 125;
  }
  int status = 0;
  rusage usage{};
  if (wait4(pid, &status, 0, &usage) < 0) return 125;
  std::printf("%lld %lld %ld\n", now_ns() - begin, micros(usage.ru_utime) + micros(usage.ru_stime), usage.ru_maxrss);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
