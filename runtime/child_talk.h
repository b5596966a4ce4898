// What the steps share: the registers, and the talk with the launcher. Part of the interpreter; see child.cc for its
// rules.
#pragma once

#include <sys/socket.h>

#include "runtime/child_ops.h"
#include "runtime/child_sys.h"

namespace ctr::runtime::child {
namespace {

struct Interpreter {
  const ChildImage& image;
  ChildReport report;
  uint64_t skip = 0;    // steps that are not taken behind this one
  int fuse_words = -1;  // where the FUSE server of the root says what ails it

  int fd(int number) const { return number < 0 ? -1 : image.registers[number]; }
  const char* text(uint32_t offset) const { return image.arena + offset; }
};

int store(const Interpreter& vm, int number, int result) {
  if (result < 0) return result;
  vm.image.registers[number] = result;
  return 0;
}

[[noreturn]] void end_process(int code) {
  for (;;) syscall(SYS_exit_group, code);
}

// A message on the hand socket: a tag and a value, with descriptors.
int send_message(int socket, uint64_t tag, uint64_t value, const int* fds, size_t count) {
  uint64_t body[2] = {tag, value};
  iovec part{.iov_base = body, .iov_len = sizeof body};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * k_max_namespaces)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    auto* numbers = reinterpret_cast<int*>(CMSG_DATA(header));
    for (size_t i = 0; i < count; ++i) numbers[i] = fds[i];
  }
  const int sent = call(SYS_sendmsg, socket, &message, MSG_NOSIGNAL);
  return sent < 0 ? sent : 0;
}

// The value has bit i set when the i-th register of the range was sent.
int op_send_fds(const Interpreter& vm, const ChildOp& op) {
  int fds[k_max_namespaces];
  size_t count = 0;
  uint64_t present = 0;
  for (uint64_t i = 0; i < op.x && i < k_max_namespaces; ++i) {
    const int fd = vm.fd(op.a + static_cast<int>(i));
    if (fd < 0) continue;
    fds[count++] = fd;
    present |= uint64_t{1} << i;
  }
  return send_message(vm.fd(k_register_hand), op.y, present, fds, count);
}

int wait_byte(int pipe) {
  char byte = 0;
  int size = 0;
  do size = call(SYS_read, pipe, &byte, 1);
  while (size == -EINTR);
  if (size == 0) end_process(0);
  return size < 0 ? size : 0;
}

// A FUSE server that has ended without a word to the kernel makes each use of its mount fail so (fs/fuse/dev.c).
bool tells_of_server(int error) { return error == ENOTCONN || error == ECONNABORTED; }

void report(Interpreter& vm, uint32_t step, int error) {
  vm.report.step = step;
  vm.report.error = error;
  if (vm.fuse_words >= 0 && tells_of_server(error)) {
    vm.report.detail = ChildReport::k_server_ended;
    call(SYS_read, vm.fuse_words, vm.report.words, sizeof vm.report.words - 1);
  }
  call(SYS_write, vm.fd(k_register_report), &vm.report, sizeof vm.report);
}

// The container's namespaces, to who runs one more program in it: this process is not dumpable, so that only root of
// the host could open them by its pid.
void send_namespaces(const Interpreter& vm, const ChildOp& op, int connection) {
  const auto* registers = reinterpret_cast<const int16_t*>(vm.text(op.text));
  int fds[k_max_namespaces];
  for (uint64_t i = 0; i < op.x; ++i) fds[i] = vm.fd(registers[i]);
  send_message(connection, k_tag_namespaces, op.x, fds, op.x);
}

// The connection of the one who starts the container. One that says nothing is somebody's look.
int op_wait_start(const Interpreter& vm, const ChildOp& op) {
  for (;;) {
    const int connection = call(SYS_accept4, vm.fd(op.a), nullptr, nullptr, SOCK_CLOEXEC);
    if (connection == -EINTR || connection == -ECONNABORTED) continue;
    if (connection < 0) return connection;
    char byte = 0;
    int size = 0;
    do size = call(SYS_read, connection, &byte, 1);
    while (size == -EINTR);
    if (size == 1 && byte == k_ask_start) {
      sys_close(vm.fd(op.a));
      vm.image.registers[k_register_report] = connection;
      vm.image.registers[k_register_hand] = connection;
      return 0;
    }
    if (size == 1 && byte == k_ask_namespaces) send_namespaces(vm, op, connection);
    sys_close(connection);
  }
}

}  // namespace
}  // namespace ctr::runtime::child
