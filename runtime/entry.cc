// Where the kernel enters ctr, before the C library has set up anything. Two things are cheap here and dear later:
//
//   - Starting over from a read-only view of the program, where root starts containers (runtime/own_binary.h): here the
//     first start costs an exec, later a second start of the C and C++ libraries besides. Only an accelerator: what
//     fails here is done, checked and reported by run_protected().
//   - Making the pages present that every start uses, with one call in place of a page fault each.
//
// Nothing is relocated yet and there is no thread control block. So: no call of a function of another file (tests/lint
// checks that), no stack protector, no sanitizer, no object with a constructor. Sources: elf(5), madvise(2),
// open_tree(2), the processor supplements of the System V ABI on the initial state of a process.
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>

#include "runtime/common_memory.h"
#include "runtime/own_binary_variable.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

// The linker's: the first byte of the file, where it is mapped.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the linker's name
extern "C" const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

ctr::runtime::CommonMemory ctr::runtime::ctr_common_memory;

namespace {

constexpr uintptr_t k_page_bytes = 4096;
// What nearly every command executes of the code that cli/run_path.ld puts first.
constexpr uintptr_t k_common_code_bytes = uintptr_t{768} << 10;
constexpr size_t k_path_bytes = 4096;      // PATH_MAX, Linux
constexpr size_t k_most_variables = 1024;  // of an environment that is passed on here

// A system call's result, -errno for an error.
inline long call(long number, uintptr_t a, uintptr_t b = 0, uintptr_t c = 0, uintptr_t d = 0, uintptr_t e = 0) {
#if defined(__x86_64__)
  register uintptr_t fourth asm("r10") = d;
  register uintptr_t fifth asm("r8") = e;
  long result = number;
  asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth) : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register uintptr_t first asm("x0") = a;
  register uintptr_t second asm("x1") = b;
  register uintptr_t third asm("x2") = c;
  register uintptr_t fourth asm("x3") = d;
  register uintptr_t fifth asm("x4") = e;
  register long which asm("x8") = number;
  asm volatile("svc #0" : "+r"(first) : "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(which) : "memory");
  return static_cast<long>(first);
#endif
}

inline uintptr_t address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

bool equal(const char* one, const char* other) {
  while (*one != 0 && *one == *other) ++one, ++other;
  return *one == *other;
}

// Whether `entry` of an environment is "NAME=…".
bool is_variable(const char* entry, const char* name) {
  while (*name != 0 && *entry == *name) ++entry, ++name;
  return *name == 0 && *entry == '=';
}

// What the kernel puts on the stack: argc, argv and 0, envp and 0, pairs of the auxiliary vector.
struct Stack {
  explicit Stack(const uintptr_t* stack)
      : argc(static_cast<size_t>(stack[0])), argv(reinterpret_cast<const char* const*>(stack + 1)) {
    envp = argv + argc + 1;
    while (envp[env_count] != nullptr) ++env_count;
    const auto* pairs = reinterpret_cast<const ElfW(auxv_t)*>(envp + env_count + 1);
    for (; pairs->a_type != AT_NULL; ++pairs) {
      if (pairs->a_type == AT_EUID) is_root = pairs->a_un.a_val == 0;
    }
  }
  size_t argc;
  const char* const* argv;
  const char* const* envp = nullptr;
  size_t env_count = 0;
  bool is_root = false;
};

// One of the commands that start programs in containers, or something that looks like one.
bool may_start_program(const Stack& stack) {
  static constexpr char k_commands[][8] = {"run", "create", "exec", "start", "restart"};
  for (size_t i = 1; i < stack.argc; ++i) {
    for (const auto& command : k_commands) {
      if (equal(stack.argv[i], command)) return true;
    }
  }
  return false;
}

bool was_here_before(const Stack& stack) {
  for (size_t i = 0; i < stack.env_count; ++i) {
    if (is_variable(stack.envp[i], ctr::runtime::k_own_binary_variable)) return true;
  }
  return false;
}

bool is_read_only(const char* link) {
  const long fd = call(SYS_openat, static_cast<uintptr_t>(AT_FDCWD), address(link), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return true;
  struct statfs system;
  const bool known = call(SYS_fstatfs, static_cast<uintptr_t>(fd), address(&system)) == 0;
  call(SYS_close, static_cast<uintptr_t>(fd));
  return !known || (system.f_flags & ST_RDONLY) != 0;
}

// Returns when it could not be done. Inline: what is executed lies in one page.
__attribute__((always_inline)) inline void start_from_read_only_view(const Stack& stack) {
  const char* const link = "/proc/self/exe";
  const long tree =
      call(SYS_open_tree, static_cast<uintptr_t>(AT_FDCWD), address(link), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return;
  const auto fd = static_cast<uintptr_t>(tree);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  char variable[ctr::runtime::k_own_binary_variable_length + 1 + k_path_bytes];
  size_t length = 0;
  for (; ctr::runtime::k_own_binary_variable[length] != 0; ++length) {
    variable[length] = ctr::runtime::k_own_binary_variable[length];
  }
  variable[length++] = '=';
  const long path = call(SYS_readlinkat, static_cast<uintptr_t>(AT_FDCWD), address(link), address(variable + length),
                         k_path_bytes - 1);
  if (path > 0 &&
      call(SYS_mount_setattr, fd, address(""), AT_EMPTY_PATH, address(&attributes), sizeof attributes) == 0) {
    variable[length + static_cast<size_t>(path)] = 0;
    const char* environment[k_most_variables + 2];
    for (size_t i = 0; i < stack.env_count; ++i) environment[i] = stack.envp[i];
    environment[stack.env_count] = variable;
    environment[stack.env_count + 1] = nullptr;
    call(SYS_execveat, fd, address(""), address(static_cast<const void*>(stack.argv)),
         address(static_cast<const void*>(environment)), AT_EMPTY_PATH);
  }
  call(SYS_close, fd);
}

// Kernels that do not know the advice, or have larger pages, refuse it: the pages come as they are used then.
void populate(uintptr_t begin, uintptr_t end, uintptr_t advice) {
  begin = begin / k_page_bytes * k_page_bytes;
  end = (end + k_page_bytes - 1) / k_page_bytes * k_page_bytes;
  if (begin < end) call(SYS_madvise, begin, end - begin, advice);
}

// What every command uses: all data, the constants, which end where the unwinder's tables begin, and the code that
// comes first (cli/run_path.ld).
void populate_common() {
  const uintptr_t base = address(&__ehdr_start);
  const auto* const headers =
      reinterpret_cast<const ElfW(Phdr)*>(reinterpret_cast<const char*>(&__ehdr_start) + __ehdr_start.e_phoff);
  const auto* const last = headers + __ehdr_start.e_phnum;
  uintptr_t tables = 0;
  for (const auto* header = headers; header != last; ++header) {
    if (header->p_type == PT_GNU_EH_FRAME) tables = base + header->p_vaddr;
  }
  ctr::runtime::CommonMemory common;
  for (const auto* header = headers; header != last; ++header) {
    if (header->p_type != PT_LOAD) continue;
    const uintptr_t begin = base + header->p_vaddr;
    const uintptr_t end = begin + header->p_memsz;
    if ((header->p_flags & PF_W) != 0) {
      populate(begin, end, MADV_POPULATE_WRITE);
    } else if ((header->p_flags & PF_X) != 0) {
      common.code_begin = begin;
      common.code_end = end < begin + k_common_code_bytes ? end : begin + k_common_code_bytes;
    } else if (begin < tables && tables < end) {
      common.constants_begin = begin;
      common.constants_end = tables;
    }
  }
  populate(common.code_begin, common.code_end, MADV_POPULATE_READ);
  populate(common.constants_begin, common.constants_end, MADV_POPULATE_READ);
  ctr::runtime::ctr_common_memory = common;
}

}  // namespace

extern "C" __attribute__((used, visibility("hidden"))) void ctr_before_start(const uintptr_t* initial_stack) {
  const Stack stack(initial_stack);
  if (stack.is_root && stack.env_count <= k_most_variables && may_start_program(stack) && !was_here_before(stack) &&
      !is_read_only("/proc/self/exe")) {
    start_from_read_only_view(stack);
  }
  populate_common();
}

// Keeps what _start() is given: the stack pointer, and the register that holds what to call at exit.
#if defined(__x86_64__)
asm(R"(
  .section .text.ctr_entry, "ax", @progbits
  .globl ctr_entry
  .hidden ctr_entry
  .type ctr_entry, @function
ctr_entry:
  endbr64
  mov %rdx, %rbx
  mov %rsp, %rdi
  call ctr_before_start
  mov %rbx, %rdx
  jmp _start
  .size ctr_entry, . - ctr_entry
)");
#elif defined(__aarch64__)
asm(R"(
  .section .text.ctr_entry, "ax", %progbits
  .globl ctr_entry
  .hidden ctr_entry
  .type ctr_entry, %function
ctr_entry:
  hint #34
  mov x19, x0
  mov x0, sp
  bl ctr_before_start
  mov x0, x19
  b _start
  .size ctr_entry, . - ctr_entry
)");
#endif
