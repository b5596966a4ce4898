#include "runtime/monitor_streams.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace ctr::runtime {

namespace {

constexpr int k_reads_a_turn = 4;
// How soon a terminal that nobody has open is looked at again: a program may close and reopen it.
constexpr std::chrono::milliseconds k_reopen_wait{100};
// Reads that empty any pipe: a user's pipes hold at most 1 MiB, pipe(7), and a read takes all there is.
constexpr int k_drain_reads = (1 << 20) / static_cast<int>(k_frame_bytes);
constexpr char k_end_of_file = 4;  // VEOF of a terminal: what a person types

}  // namespace

Result<ProgramPipes> ProgramPipes::make(bool with_stdin) {
  ProgramPipes pipes;
  if (with_stdin) {
    Pipe input = TRY(make_pipe());
    pipes.stdin_read = std::move(input.read_end);
    pipes.stdin_write = std::move(input.write_end);
    TRY(set_nonblocking(pipes.stdin_write.get()));
  }
  Pipe output = TRY(make_pipe());
  Pipe error = TRY(make_pipe());
  TRY(set_nonblocking(output.read_end.get()));
  TRY(set_nonblocking(error.read_end.get()));
  pipes.stdout_read = std::move(output.read_end);
  pipes.stdout_write = std::move(output.write_end);
  pipes.stderr_read = std::move(error.read_end);
  pipes.stderr_write = std::move(error.write_end);
  return pipes;
}

ContainerStreams::ContainerStreams(EventLoop& loop, AttachServer& clients, ContainerLog log)
    : loop_(loop), clients_(clients), log_(std::move(log)) {}

ContainerStreams::~ContainerStreams() {
  close(stdin_);
  for (Port& port : outputs_) close(port);
  if (reopen_) loop_.cancel_timer(*reopen_);
}

Result<void> ContainerStreams::start_pipes(Fd stdin_write, Fd stdout_read, Fd stderr_read) {
  stdin_.fd = std::move(stdin_write);
  outputs_[0].fd = std::move(stdout_read);
  outputs_[0].stream = 1;
  outputs_[1].fd = std::move(stderr_read);
  outputs_[1].stream = 2;
  for (Port& port : outputs_) watch(port, EPOLLIN);
  return ok();
}

Result<void> ContainerStreams::start_terminal(Fd master) {
  TRY(set_nonblocking(master.get()));
  terminal_ = true;
  outputs_[0].fd = std::move(master);
  outputs_[0].stream = 1;
  watch(outputs_[0], EPOLLIN);
  return ok();
}

void ContainerStreams::watch(Port& port, uint32_t events) {
  if (!port.fd.valid() || port.events == events) return;
  uint32_t former = std::exchange(port.events, events);
  // Without interest a descriptor must leave the loop: epoll reports hang-ups of all it holds.
  if (events == 0) return loop_.remove(port.fd.get());
  Result<void> done = former != 0 ? loop_.change(port.fd.get(), events)
                                  : loop_.add(port.fd.get(), events, [this, &port](uint32_t e) { on_event(port, e); });
  CTR_ASSERT(done);
}

void ContainerStreams::close(Port& port) {
  watch(port, 0);
  port.fd.reset();
}

void ContainerStreams::on_event(Port& port, uint32_t events) {
  if (&port == &input_port() && (events & EPOLLOUT) != 0) write_input();
  if (&port == &stdin_) {
    // The program has closed its stdin.
    if ((events & EPOLLERR) != 0) close(port);
    return;
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) on_output(port);
}

void ContainerStreams::on_output(Port& port) {
  for (int i = 0; i < k_reads_a_turn; ++i) {
    if (!clients_.ready()) {
      // A client lags behind. The program waits on its full pipe, as it would for any reader.
      paused_ = true;
      for (Port& output : outputs_) watch(output, output.events & ~uint32_t{EPOLLIN});
      return;
    }
    Turn turn = read_once(port);
    if (turn == Turn::empty) return;
    if (turn != Turn::ended) continue;
    if (!terminal_) return close(port);
    // EIO: nobody in the container has the terminal open at this moment.
    watch(port, 0);
    reopen_ = loop_.add_timer(k_reopen_wait, [this, &port] {
      reopen_.reset();
      watch(port, EPOLLIN);
    });
    return;
  }
}

ContainerStreams::Turn ContainerStreams::read_once(Port& port) {
  if (buffer_.empty()) buffer_.resize(k_frame_bytes);
  ssize_t size = -1;
  do size = ::read(port.fd.get(), buffer_.data(), buffer_.size());
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return Turn::empty;
  if (size <= 0) return Turn::ended;
  std::string_view bytes(buffer_.data(), static_cast<size_t>(size));
  if (log_.file || log_.journal) {
    Stream stream = port.stream == 1 ? Stream::stdout_ : Stream::stderr_;
    log_.append(stream, bytes, now()).ignore("a full disk must not stop the program; the log goes on when it can");
  }
  clients_.output(port.stream, bytes);
  return Turn::more;
}

void ContainerStreams::resume() {
  if (!std::exchange(paused_, false)) return;
  for (Port& port : outputs_) {
    if (!reopen_ || &port != &outputs_[0]) watch(port, port.events | EPOLLIN);
  }
}

void ContainerStreams::drain() {
  for (Port& port : outputs_) {
    if (!port.fd.valid()) continue;
    // What is in the pipes now is all: another process that still writes to them does not keep us.
    for (int i = 0; i < k_drain_reads && read_once(port) == Turn::more; ++i) {
    }
    close(port);
  }
  close(stdin_);
  input_.clear();
}

void ContainerStreams::input(std::string_view bytes) {
  if (input_ended_ || !input_port().fd.valid()) return;
  input_.append(bytes);
  write_input();
}

void ContainerStreams::input_end() {
  if (std::exchange(input_ended_, true)) return;
  if (terminal_) {
    input_.push_back(k_end_of_file);
    // A terminal has no end: the next client may type on.
    input_ended_ = false;
  }
  write_input();
}

void ContainerStreams::write_input() {
  Port& port = input_port();
  while (port.fd.valid() && !input_.empty()) {
    ssize_t size = ::write(port.fd.get(), input_.data(), input_.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return watch(port, port.events | EPOLLOUT);
    if (size < 0) {
      // EPIPE: the program does not read its stdin any more; what comes is swallowed.
      input_.clear();
      if (!terminal_) close(port);
      break;
    }
    input_.erase(0, static_cast<size_t>(size));
  }
  if (port.fd.valid()) watch(port, port.events & ~uint32_t{EPOLLOUT});
  if (input_ended_ && !terminal_) close(port);
  input_.shrink_to_fit();
  clients_.input_drained();
}

void ContainerStreams::resize(WindowSize size) {
  if (!terminal_ || !outputs_[0].fd.valid()) return;
  set_window_size(outputs_[0].fd.get(), size).ignore("a terminal that is gone is seen by its end");
}

void ContainerStreams::close_output(int stream) {
  if (stream == 1 || stream == 2) close(outputs_[static_cast<size_t>(stream - 1)]);
}

}  // namespace ctr::runtime
