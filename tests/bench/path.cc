// path PROGRAM COMMAND [ARG...]: runs the command and prints which functions of the program's file are called
// meanwhile, by whichever process: the offset of each in the file, once, in hexadecimal. tests/bench/order makes the
// order of functions in ctr from it. It ends with the last process that the command has started.
//
// Each function has a breakpoint until somebody calls it, so what is called a second time runs at full speed. The
// command need not be the program itself: called by root, `path ctr setpriv --reuid ... ctr run ...` lets newuidmap
// have its rights, which a process that is traced by a normal user does not get.
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

namespace {

constexpr long k_options =
    PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
constexpr char k_breakpoint = '\xCC';  // int3 of x86

// The program's file: its code and where its functions begin.
struct Program {
  explicit Program(const char* path) {
    struct stat status{};
    if (stat(path, &status) == 0) inode = status.st_ino;
    std::ifstream file(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
    if (bytes.size() < sizeof(Elf64_Ehdr) || bytes.compare(0, SELFMAG, ELFMAG) != 0) return;
    const auto header = at<Elf64_Ehdr>(0);
    for (size_t i = 0; i < header.e_phnum; ++i) {
      const auto segment = at<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr));
      if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0) code = segment;
    }
    for (size_t i = 0; i < header.e_shnum; ++i) {
      const auto section = at<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
      if (section.sh_type == SHT_SYMTAB) note_functions(section);
    }
  }

  ino_t inode = 0;
  std::string bytes;
  Elf64_Phdr code{};
  std::set<uint64_t> functions;  // offsets in the file

 private:
  template <typename T>
  T at(uint64_t offset) const {
    T value{};
    if (offset + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }

  void note_functions(const Elf64_Shdr& table) {
    for (uint64_t i = 0; i < table.sh_size / sizeof(Elf64_Sym); ++i) {
      const auto symbol = at<Elf64_Sym>(table.sh_offset + i * sizeof(Elf64_Sym));
      const int type = ELF64_ST_TYPE(symbol.st_info);
      if ((type == STT_FUNC || type == STT_GNU_IFUNC) && symbol.st_value >= code.p_vaddr &&
          symbol.st_value < code.p_vaddr + code.p_filesz) {
        functions.insert(symbol.st_value - code.p_vaddr + code.p_offset);
      }
    }
  }
};

class Tracer {
 public:
  explicit Tracer(const Program& program)
      : program_(program), code_(program.bytes, program.code.p_offset, program.code.p_filesz) {
    for (const uint64_t function : program.functions) code_[function - program.code.p_offset] = k_breakpoint;
  }

  int run(pid_t first) {
    int code = 0;
    for (int status = 0;;) {
      const pid_t pid = waitpid(-1, &status, __WALL);
      if (pid < 0) return code;
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (pid == first) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
        addresses_.erase(pid);
      } else {
        on_stop(pid, WSTOPSIG(status), status >> 16);
      }
    }
  }

  const std::set<uint64_t>& called() const { return called_; }

 private:
  void on_stop(pid_t pid, int signal, int event) {
    if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
      ptrace(PTRACE_LISTEN, pid, nullptr, nullptr);  // stopped by a signal: until SIGCONT
      return;
    }
    if (event == PTRACE_EVENT_EXEC) {
      addresses_.erase(pid);
      write(pid, program_.code.p_offset, code_);
    }
    const bool is_ours = event != 0 || (signal == SIGTRAP && on_breakpoint(pid));
    ptrace(PTRACE_CONT, pid, nullptr, is_ours ? 0 : signal);
  }

  // Processes that share their memory may meet at one breakpoint: the second finds the function's first byte restored.
  bool on_breakpoint(pid_t pid) {
    user_regs_struct registers{};
    if (ptrace(PTRACE_GETREGS, pid, nullptr, &registers) < 0) return false;
    const uint64_t function = registers.rip - 1 - address(pid);
    if (address(pid) == 0 || program_.functions.count(function) == 0) return false;
    called_.insert(function);
    code_[function - program_.code.p_offset] = program_.bytes[function];
    write(pid, function, program_.bytes.substr(function, 1));
    --registers.rip;
    return ptrace(PTRACE_SETREGS, pid, nullptr, &registers) == 0;
  }

  void write(pid_t pid, uint64_t offset, const std::string& bytes) {
    if (address(pid) == 0) return;
    const int memory = open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_WRONLY | O_CLOEXEC);
    const auto place = static_cast<off_t>(address(pid) + offset);
    if (pwrite(memory, bytes.data(), bytes.size(), place) != static_cast<ssize_t>(bytes.size())) {
      std::perror("path: memory of a process");
      std::exit(125);
    }
    close(memory);
  }

  // Where the process would have the first byte of the program's file, by its code; 0 for other programs.
  uint64_t address(pid_t pid) {
    const auto known = addresses_.find(pid);
    if (known != addresses_.end()) return known->second;
    uint64_t& address = addresses_[pid];
    std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
    for (std::string line; std::getline(maps, line);) {
      uint64_t first = 0, offset = 0;
      char rights[8] = {};
      unsigned long inode = 0;
      if (std::sscanf(line.c_str(), "%" SCNx64 "-%*x %7s %" SCNx64 " %*s %lu", &first, rights, &offset, &inode) == 4 &&
          rights[2] == 'x' && inode == program_.inode) {
        address = first - offset;
      }
    }
    return address;
  }

  const Program& program_;
  std::string code_;  // with a breakpoint in each function that nobody has called
  std::map<pid_t, uint64_t> addresses_;
  std::set<uint64_t> called_;
};

// The command's process, from before it executes the command.
pid_t start_traced(char** command) {
  int go[2];
  if (pipe2(go, O_CLOEXEC) < 0) return -1;
  const pid_t pid = fork();
  if (pid == 0) {
    close(go[1]);  // or the read waits for ever where the tracer ends
    char word = 0;
    if (read(go[0], &word, 1) == 1) execvp(command[0], command);
    _exit(127);
  }
  if (ptrace(PTRACE_SEIZE, pid, nullptr, k_options) < 0 || ::write(go[1], "g", 1) != 1) return -1;
  close(go[0]);
  close(go[1]);
  return pid;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 125;
  const Program program(argv[1]);
  if (program.functions.empty()) {
    std::fprintf(stderr, "path: %s: no table of functions\n", argv[1]);
    return 125;
  }
  Tracer tracer(program);
  const pid_t pid = start_traced(argv + 3);
  if (pid < 0) {
    std::perror("path");
    return 125;
  }
  const int code = tracer.run(pid);
  std::ofstream list(argv[2]);
  list << std::hex;
  for (const uint64_t function : tracer.called()) list << function << '\n';
  list.close();
  return list ? code : 125;
}
