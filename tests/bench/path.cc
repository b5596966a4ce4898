// path COMMAND [ARG...]: prints the offsets of all instructions that the command executes of its own file, each once,
// in hexadecimal; of the processes that it clones as well, until they execute another program. tests/bench/order makes
// the order of functions in ctr from it.
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr long k_options =
    PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

struct Range {
  uint64_t first = 0, last = 0, offset = 0;
};

// Where the process has its own program's code.
std::vector<Range> own_code(pid_t pid) {
  std::vector<Range> ranges;
  struct stat program{};
  const std::string dir = "/proc/" + std::to_string(pid);
  if (stat((dir + "/exe").c_str(), &program) < 0) return ranges;
  std::ifstream maps(dir + "/maps");
  for (std::string line; std::getline(maps, line);) {
    Range range;
    char rights[8] = {};
    unsigned long inode = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %lu", &range.first, &range.last, rights,
                    &range.offset, &inode) == 5 &&
        rights[2] == 'x' && inode == program.st_ino) {
      ranges.push_back(range);
    }
  }
  return ranges;
}

class Tracer {
 public:
  explicit Tracer(const char* program) {
    struct stat status{};
    if (stat(program, &status) == 0) inode_ = status.st_ino;
  }

  int run(pid_t first) {
    int code = 0;
    waitpid(first, nullptr, 0);
    ptrace(PTRACE_SETOPTIONS, first, nullptr, k_options);
    note_program(first);
    ptrace(PTRACE_SINGLESTEP, first, nullptr, nullptr);
    for (int status = 0;;) {
      const pid_t pid = waitpid(-1, &status, __WALL);
      if (pid < 0) return code;
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (pid == first) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
        continue;
      }
      on_stop(pid, status);
    }
  }

  void print() const {
    for (const uint64_t offset : offsets_) std::printf("%" PRIx64 "\n", offset);
  }

 private:
  void note_program(pid_t pid) { code_[pid] = own_code(pid); }

  void on_stop(pid_t pid, int status) {
    int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (event == PTRACE_EVENT_EXEC) {
      note_program(pid);
      // Programs of others are of no interest.
      struct stat program{};
      if (stat(("/proc/" + std::to_string(pid) + "/exe").c_str(), &program) != 0 || program.st_ino != inode_) {
        ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
        return;
      }
    }
    if (code_.find(pid) == code_.end()) note_program(pid);
    if (signal == SIGTRAP && event == 0) note_place(pid);
    if (signal == SIGTRAP || signal == SIGSTOP) signal = 0;
    ptrace(PTRACE_SINGLESTEP, pid, nullptr, signal);
  }

  void note_place(pid_t pid) {
    user_regs_struct registers{};
    if (ptrace(PTRACE_GETREGS, pid, nullptr, &registers) < 0) return;
    for (const Range& range : code_[pid]) {
      if (registers.rip >= range.first && registers.rip < range.last) {
        offsets_.insert(registers.rip - range.first + range.offset);
      }
    }
  }

  ino_t inode_ = 0;
  std::map<pid_t, std::vector<Range>> code_;
  std::set<uint64_t> offsets_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 125;
  const pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    execv(argv[1], argv + 1);
    _exit(127);
  }
  Tracer tracer(argv[1]);
  const int code = tracer.run(pid);
  tracer.print();
  return code;
}
