// The terminal. Part of the interpreter; see child.cc for its rules.
#pragma once

#include <asm/termbits.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "runtime/child_talk.h"

namespace ctr::runtime::child {
namespace {

int open_ptmx(const Interpreter& vm, const ChildOp& op) {
  const bool in_root = op.b >= 0;
  const uint64_t resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | (in_root ? RESOLVE_IN_ROOT : 0);
  const int fd = sys_openat2(in_root ? vm.fd(op.b) : AT_FDCWD, in_root ? "dev/pts/ptmx" : "/dev/pts/ptmx",
                             O_RDWR | O_NOCTTY | O_NONBLOCK, 0, resolve);
  if (fd < 0) return fd;
  // What is at this path is the container's business: only the multiplexer of a devpts will do.
  struct statfs system{};
  struct stat status{};
  int result = call(SYS_fstatfs, fd, &system);
  if (result == 0) result = sys_fstat(fd, &status);
  if (result == 0 && (system.f_type != DEVPTS_SUPER_MAGIC || status.st_rdev != makedev(5, 2))) result = -ENXIO;
  if (result == 0) result = call(SYS_fcntl, fd, F_SETFL, O_RDWR);
  if (result == 0) return fd;
  sys_close(fd);
  return result;
}

// The terminal of the caller turns line feeds into new lines; a second one in between would do it twice.
int keep_line_feeds(int terminal) {
  struct termios modes{};
  const int result = call(SYS_ioctl, terminal, TCGETS, &modes);
  if (result < 0) return result;
  modes.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  return call(SYS_ioctl, terminal, TCSETS, &modes);
}

int prepare_terminal(int terminal, const ChildOp& op) {
  int result = op.z == 0 ? 0 : keep_line_feeds(terminal);
  if (result == 0 && op.x != 0) {
    winsize size{};
    size.ws_row = static_cast<unsigned short>(op.x >> 16);
    size.ws_col = static_cast<unsigned short>(op.x);
    result = call(SYS_ioctl, terminal, TIOCSWINSZ, &size);
  }
  // 0620 and the user's: what login programs do (tty(4), mesg(1)).
  if (result == 0) result = call(SYS_fchown, terminal, op.y, ~0U);
  if (result == 0) result = call(SYS_fchmod, terminal, 0620U);
  return result;
}

int op_open_console(const Interpreter& vm, const ChildOp& op) {
  const int master = open_ptmx(vm, op);
  if (master < 0) return master;
  int unlock = 0;
  int result = call(SYS_ioctl, master, TIOCSPTLCK, &unlock);
  if (result < 0) return result;
  // The peer by its master, never by a path: /dev/pts/0 may be anything (CVE-2025-52565).
  const int terminal = call(SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return terminal;
  result = prepare_terminal(terminal, op);
  vm.image.registers[op.a] = master;
  vm.image.registers[op.a + 1] = terminal;
  return result;
}

}  // namespace
}  // namespace ctr::runtime::child
