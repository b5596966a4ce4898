// ctr-init: pid 1 of containers started with --init. Starts one program, passes signals on to it, reaps whatever is
// orphaned, and ends as the program ends.
//
// usage: ctr-init -- PROGRAM [ARGUMENT...]
// It is linked statically and uses the C library only: it runs among the files of the image.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

// As shells have it: 127 for a missing program, 126 for one that cannot be executed.
constexpr int k_not_found = 127;
constexpr int k_not_executable = 126;

// One line for whoever reads the container's stderr. Losing it changes nothing.
template <typename... Parts>
void say(Parts... parts) {
  const iovec list[] = {{const_cast<char*>(parts), strlen(parts)}...};
  (void)!writev(STDERR_FILENO, list, sizeof list / sizeof *list);
}

[[noreturn]] void start(char** argv, const sigset_t& original) {
  sigprocmask(SIG_SETMASK, &original, nullptr);
  // A group of its own, in front on the terminal if there is one: keys like ^C reach the program, not us.
  setpgid(0, 0);
  signal(SIGTTOU, SIG_IGN);
  tcsetpgrp(STDIN_FILENO, getpgrp());
  signal(SIGTTOU, SIG_DFL);
  execvp(argv[0], argv);
  const int problem = errno;
  const char* what = problem == ENOENT ? "` not found in $PATH: " : "` cannot be executed: ";
  say("Error: executable file `", argv[0], what, strerror(problem), "\n");
  _exit(problem == ENOENT ? k_not_found : k_not_executable);
}

// Collects every child that has ended; returns the code of `program` once it is among them, else -1.
int reap(pid_t program) {
  int code = -1;
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return code;
    if (pid == program) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

}  // namespace

int main(int argc, char** argv) {
  int first = 1;
  if (argc > first && strcmp(argv[first], "--") == 0) ++first;
  if (argc <= first) {
    say("usage: ctr-init -- PROGRAM [ARGUMENT...]\n");
    return k_not_executable;
  }
  sigset_t all;
  sigset_t original;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &original);
  const pid_t program = fork();
  if (program < 0) {
    say("Error: fork: ", strerror(errno), "\n");
    return k_not_executable;
  }
  if (program == 0) start(argv + first, original);
  for (;;) {
    const int number = sigwaitinfo(&all, nullptr);
    if (number == SIGCHLD) {
      const int code = reap(program);
      if (code >= 0) return code;
    } else if (number > 0 && number != SIGTTIN && number != SIGTTOU) {
      kill(program, number);
    }
  }
}
