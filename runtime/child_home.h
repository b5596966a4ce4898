// HOME from the container's own /etc/passwd. Part of the interpreter; see child.cc for its rules.
#pragma once

#include "runtime/child_talk.h"

namespace ctr::runtime::child {
namespace {

// A file of accounts larger than this is read no further.
constexpr size_t k_accounts_limit = size_t{1} << 20;

// One line of passwd(5), read byte by byte: name:password:UID:GID:comment:directory:shell.
struct AccountLine {
  unsigned field = 0;
  unsigned digits = 0;
  bool is_number = true;
  uint64_t uid = 0;
  Text<4096> directory = {};

  void add(char c) {
    if (c == ':') {
      ++field;
    } else if (field == 2) {
      // Ten digits hold every uid, and do not overflow.
      is_number = is_number && c >= '0' && c <= '9' && ++digits <= 10;
      if (is_number) uid = uid * 10 + static_cast<unsigned>(c - '0');
    } else if (field == 5) {
      directory.add_char(c);
    }
  }
  bool is_home_of(uint64_t wanted) const {
    return field >= 5 && is_number && digits > 0 && uid == wanted && directory.size() > 0 && !directory.overflow();
  }
};

// Finds the directory of the first account with the uid; false when there is none.
bool find_directory(int file, uint64_t uid, AccountLine* line) {
  char chunk[4096];
  size_t total = 0;
  for (;;) {
    int size = 0;
    do size = call(SYS_read, file, chunk, sizeof chunk);
    while (size == -EINTR);
    if (size <= 0 || total >= k_accounts_limit) return line->is_home_of(uid);
    total += static_cast<size_t>(size);
    for (int i = 0; i < size; ++i) {
      if (chunk[i] != '\n') {
        line->add(chunk[i]);
        continue;
      }
      if (line->is_home_of(uid)) return true;
      *line = AccountLine();
    }
  }
}

// Without an account "/" stays: an image need not have the file. What is there may be anything: only a plain file is
// read, and opening it waits for nobody.
int op_set_home(const Interpreter& vm, const ChildOp& op) {
  const int file = call(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return 0;
  struct stat status{};
  AccountLine line;
  if (sys_fstat(file, &status) == 0 && S_ISREG(status.st_mode) && find_directory(file, op.x, &line)) {
    // The arena is this process's own copy, with room for the longest directory.
    char* home = const_cast<char*>(vm.text(op.text)) + sizeof "HOME=" - 1;
    for (size_t i = 0; i <= line.directory.size(); ++i) home[i] = line.directory.data()[i];
  }
  return sys_close(file);
}

}  // namespace
}  // namespace ctr::runtime::child
