// Bare system calls for the code between clone3 and execve: each returns its value, or -errno.
//
// Only syscall(2) of libc is used: its wrappers for credentials signal other threads, and several do more than the
// call.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <type_traits>

namespace ctr::runtime::child {

// What syscall(2) reads for an argument is a whole register: numbers are widened first.
template <typename T>
inline auto word(T value) {
  if constexpr (std::is_pointer_v<T> || std::is_null_pointer_v<T>)
    return static_cast<const void*>(value);
  else
    return static_cast<long>(value);
}

template <typename... Args>
inline int call(long number, Args... args) {
  const long result = syscall(number, word(args)...);
  return static_cast<int>(result < 0 ? -static_cast<long>(errno) : result);
}

inline int sys_close(int fd) { return call(SYS_close, fd); }

inline int sys_openat2(int dir, const char* path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  // EAGAIN: a rename raced with the walk; the kernel asks to repeat (openat2(2)).
  for (int attempt = 0;; ++attempt) {
    const int fd = call(SYS_openat2, dir, path, &how, sizeof how);
    if (fd != -EAGAIN || attempt == 100) return fd;
  }
}

inline int sys_fstat(int fd, struct stat* out) { return call(SYS_newfstatat, fd, "", out, AT_EMPTY_PATH); }

// The highest descriptor there can be.
constexpr unsigned k_last_fd = ~0U;

inline size_t length_of(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') ++length;
  return length;
}

// Text of bounded length on the stack; overflow is remembered, not written.
template <size_t Capacity>
class Text {
 public:
  void add(const char* text) {
    while (*text != '\0') add_char(*text++);
  }
  void add_char(char c) {
    if (size_ + 1 >= Capacity) {
      overflow_ = true;
      return;
    }
    bytes_[size_++] = c;
    bytes_[size_] = '\0';
  }
  void add_number(unsigned value) {
    char digits[12];
    int count = 0;
    do {
      digits[count++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (count > 0) add_char(digits[--count]);
  }
  bool overflow() const { return overflow_; }
  size_t size() const { return size_; }
  char* data() { return bytes_; }
  const char* data() const { return bytes_; }

 private:
  char bytes_[Capacity];
  size_t size_ = 0;
  bool overflow_ = false;
};

}  // namespace ctr::runtime::child
