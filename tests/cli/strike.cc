// strike REPORT all|one N COMMAND...: runs a command and kills it at its Nth system call that changes files.
//
// The calls of all processes that the command starts are counted together. `all` sends SIGKILL to every one of them, as
// a kill of the process group does; `one` only to the process that makes the call. REPORT gets one line: "struck at
// mkdirat of ctr-transfer", or "ended after 71 calls" when there are fewer than N. The exit code is the command's.
//
// Set-user-id programs do not get their privileges under a tracer, so newuidmap and newgidmap are let go before they
// start.
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace {

constexpr long k_options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                           PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "strike: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(125);
}

struct NamedCall {
  long number;
  const char* name;
};
// Calls that change a directory or a file by themselves.
constexpr NamedCall k_changing[] = {
    {SYS_mkdirat, "mkdirat"},     {SYS_renameat, "renameat"},
    {SYS_renameat2, "renameat2"}, {SYS_unlinkat, "unlinkat"},
    {SYS_symlinkat, "symlinkat"}, {SYS_linkat, "linkat"},
    {SYS_mknodat, "mknodat"},     {SYS_ftruncate, "ftruncate"},
    {SYS_fallocate, "fallocate"}, {SYS_fsync, "fsync"},
    {SYS_fdatasync, "fdatasync"}, {SYS_syncfs, "syncfs"},
    {SYS_fchmodat, "fchmodat"},   {SYS_fchmod, "fchmod"},
    {SYS_fchownat, "fchownat"},   {SYS_fchown, "fchown"},
    {SYS_utimensat, "utimensat"}, {SYS_fsetxattr, "fsetxattr"},
    {SYS_unlink, "unlink"},       {SYS_mkdir, "mkdir"},
    {SYS_rename, "rename"},       {SYS_copy_file_range, "copy_file_range"},
};

std::string link_text(const std::string& path) {
  char text[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), text, sizeof text);
  return length < 0 ? std::string() : std::string(text, static_cast<size_t>(length));
}

std::string proc(pid_t pid, const std::string& name) { return "/proc/" + std::to_string(pid) + "/" + name; }

// A descriptor of a file that has a name: no pipe, terminal or memory file.
bool is_named_file(pid_t pid, unsigned long fd) {
  const std::string target = link_text(proc(pid, "fd/" + std::to_string(fd)));
  return target.starts_with('/') && !target.starts_with("/dev/") && !target.starts_with("/memfd:") &&
         !target.starts_with("/proc/");
}

unsigned long read_word(pid_t pid, unsigned long address) {
  errno = 0;
  return static_cast<unsigned long>(::ptrace(PTRACE_PEEKDATA, pid, address, nullptr));
}

std::string read_text(pid_t pid, unsigned long address) {
  std::string text;
  while (text.size() < PATH_MAX) {
    const unsigned long word = read_word(pid, address + text.size());
    if (errno != 0) break;
    char bytes[sizeof word];
    std::memcpy(bytes, &word, sizeof word);
    const size_t length = ::strnlen(bytes, sizeof bytes);
    text.append(bytes, length);
    if (length < sizeof bytes) break;
  }
  return text;
}

struct Call {
  unsigned long number = 0;
  unsigned long arguments[6] = {};
};

// What a process that has stopped is about to call; nothing when it has come back from a call.
std::optional<Call> entered_call(pid_t pid) {
  struct __ptrace_syscall_info info{};
  if (::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), pid, sizeof info, &info) <= 0 ||
      info.op != PTRACE_SYSCALL_INFO_ENTRY) {
    return std::nullopt;
  }
  Call call;
  call.number = info.entry.nr;
  std::copy(std::begin(info.entry.args), std::end(info.entry.args), std::begin(call.arguments));
  return call;
}

// The name of a call that changes files, or nothing.
const char* changing_name(pid_t pid, const Call& call) {
  const auto number = static_cast<long>(call.number);
  if (number == SYS_write || number == SYS_pwrite64) return is_named_file(pid, call.arguments[0]) ? "write" : nullptr;
  if (number == SYS_openat) return (call.arguments[2] & O_CREAT) != 0 ? "openat" : nullptr;
  // The first word of struct open_how is its flags.
  if (number == SYS_openat2) return (read_word(pid, call.arguments[2]) & O_CREAT) != 0 ? "openat2" : nullptr;
  for (const auto& changing : k_changing) {
    if (changing.number == number) return changing.name;
  }
  return nullptr;
}

bool starts_privileged_program(pid_t pid, const Call& call) {
  if (call.number != SYS_execve) return false;
  const std::string path = read_text(pid, call.arguments[0]);
  return path.ends_with("/newuidmap") || path.ends_with("/newgidmap");
}

enum class Mode { all, one };

class Tracer {
 public:
  Tracer(Mode mode, long at) : mode_(mode), at_(at) {}

  int run(char** command) {
    main_ = start(command);
    while (!processes_.empty()) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, __WALL);
      if (pid < 0) fail("waitpid");
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        processes_.erase(pid);
        if (pid == main_) code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        continue;
      }
      on_stop(pid, status);
    }
    return code_;
  }

  std::string report() const {
    return struck_.empty() ? "ended after " + std::to_string(count_) + " calls" : "struck at " + struck_;
  }

 private:
  pid_t start(char** command) {
    const pid_t pid = ::fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
      if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) < 0 || ::raise(SIGSTOP) != 0) ::_exit(125);
      ::execvp(command[0], command);
      ::_exit(127);
    }
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) fail("start");
    if (::ptrace(PTRACE_SETOPTIONS, pid, nullptr, k_options) < 0) fail("trace");
    processes_[pid] = true;
    go_on(pid, 0);
    return pid;
  }

  void go_on(pid_t pid, int signal) { (void)::ptrace(PTRACE_SYSCALL, pid, nullptr, signal); }

  void on_stop(pid_t pid, int status) {
    const int signal = WSTOPSIG(status);
    // A fresh process begins with a SIGSTOP of the tracer's.
    bool& known = processes_[pid];
    const bool is_fresh = !known;
    known = true;
    // Born while the others were killed.
    if (mode_ == Mode::all && !struck_.empty()) {
      (void)::kill(pid, SIGKILL);
      return;
    }
    if (signal == (SIGTRAP | 0x80)) return on_call(pid);
    const bool is_event = signal == SIGTRAP && status >> 16 != 0;
    go_on(pid, is_event || (is_fresh && signal == SIGSTOP) ? 0 : signal);
  }

  void on_call(pid_t pid) {
    const auto call = entered_call(pid);
    if (!call) return go_on(pid, 0);
    if (starts_privileged_program(pid, *call)) {
      processes_.erase(pid);
      (void)::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
      return;
    }
    const char* name = changing_name(pid, *call);
    if (name == nullptr || ++count_ != at_) return go_on(pid, 0);
    std::ifstream comm(proc(pid, "comm"));
    std::string program;
    std::getline(comm, program);
    struck_ = std::string(name) + " of " + program;
    if (mode_ == Mode::one) {
      (void)::kill(pid, SIGKILL);
      return;
    }
    for (const auto& [process, unused] : processes_) (void)::kill(process, SIGKILL);
  }

  Mode mode_;
  long at_;
  long count_ = 0;
  pid_t main_ = -1;
  int code_ = 125;
  std::string struck_;
  std::map<pid_t, bool> processes_;  // whether its first stop has been seen
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 2 ? argv[2] : "";
  if (argc < 5 || (mode != "all" && mode != "one")) {
    std::fprintf(stderr, "usage: strike REPORT all|one N COMMAND...\n");
    return 125;
  }
  Tracer tracer(mode == "all" ? Mode::all : Mode::one, std::atol(argv[3]));
  const int code = tracer.run(argv + 4);
  std::ofstream(argv[1]) << tracer.report() << "\n";
  return code;
}
