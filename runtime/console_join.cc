// The loop that joins the caller to a pty of a process it has started itself.
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/console.h"
#include "runtime/join.h"
#include "runtime/join_input.h"

namespace ctr::runtime {

namespace {

class ConsoleJoin {
 public:
  ConsoleJoin(int master, int pidfd, const JoinOptions& options, JoinSignals signals)
      : master_(master),
        pidfd_(pidfd),
        options_(options),
        signals_(std::move(signals)),
        input_(options.stdin_fd, options.detach_keys),
        output_(options.stdout_fd) {}

  Result<JoinEnd> run();

 private:
  Result<void> turn();
  Result<void> on_signals();
  Result<void> on_input(short events);
  Result<void> on_output();
  void after_write(OutputSink::State state);
  void pass_input();
  void copy_window_size();

  int master_;
  int pidfd_;
  const JoinOptions& options_;
  JoinSignals signals_;
  std::optional<RawMode> raw_;
  InputSource input_;
  OutputSink output_;
  bool ended_ = false;        // the process; what it wrote is still to be read
  bool input_ended_ = false;  // an end-of-file character is owed
  std::optional<JoinEnd> end_;
};

Result<JoinEnd> ConsoleJoin::run() {
  TRY(set_nonblocking(master_));
  if (options_.stdin_fd >= 0 && ::isatty(options_.stdin_fd) == 1) raw_.emplace(TRY(RawMode::enter(options_.stdin_fd)));
  copy_window_size();
  while (!end_) TRY(turn());
  return *end_;
}

Result<void> ConsoleJoin::turn() {
  enum { k_master, k_process, k_signals, k_input, k_output, k_also, k_entries };
  pollfd entries[k_entries] = {};
  short master_events = output_.idle() ? POLLIN : 0;
  if (!input_.waiting().empty() || input_ended_) master_events = static_cast<short>(master_events | POLLOUT);
  entries[k_master] = {master_events != 0 ? master_ : -1, master_events, 0};
  entries[k_process] = {ended_ ? -1 : pidfd_, POLLIN, 0};
  entries[k_signals] = {signals_.fd(), POLLIN, 0};
  entries[k_input] = {input_.wants_read() ? input_.fd() : -1, POLLIN, 0};
  entries[k_output] = {output_.idle() ? -1 : output_.poll_fd(), POLLOUT, 0};
  entries[k_also] = {options_.also.fd, POLLIN, 0};
  if (::poll(entries, k_entries, -1) < 0) {
    if (errno != EINTR) return Error::from_errno("poll");
    return ok();
  }
  if (entries[k_also].revents != 0) options_.also.read();
  if (entries[k_signals].revents != 0) TRY(on_signals());
  if (entries[k_output].revents != 0) after_write(TRY(output_.flush()));
  if (entries[k_process].revents != 0) ended_ = true;
  if (entries[k_input].revents != 0) TRY(on_input(entries[k_input].revents));
  if (!input_.waiting().empty() || input_ended_) pass_input();
  if (!end_ && output_.idle() && (entries[k_master].revents != 0 || ended_)) TRY(on_output());
  return ok();
}

Result<void> ConsoleJoin::on_signals() {
  while (std::optional<int> number = signals_.next()) {
    if (*number == SIGWINCH) {
      copy_window_size();
    } else if (*number == SIGCONT && raw_) {
      (void)raw_->apply();
      copy_window_size();
    } else if (options_.signal_proxy) {
      // A process that has ended meanwhile is seen by its pidfd.
      (void)::syscall(SYS_pidfd_send_signal, pidfd_, *number, nullptr, 0);
    } else if (*number != SIGCONT && *number != SIGURG && *number != SIGTSTP) {
      return ended_by_signal(*number);
    }
  }
  return ok();
}

Result<void> ConsoleJoin::on_input(short events) {
  constexpr size_t k_read_bytes = size_t{4} << 10;  // N_TTY's own buffer: a pty takes no more at once
  switch (input_.read(k_read_bytes, (events & POLLHUP) != 0)) {
    case InputSource::State::data:
      break;
    case InputSource::State::end:
      input_ended_ = true;
      break;
    case InputSource::State::detached:
      pass_input();
      [[fallthrough]];
    case InputSource::State::hung_up:
      end_ = JoinEnd{.detached = true};
      break;
  }
  return ok();
}

Result<void> ConsoleJoin::on_output() {
  char buffer[16 << 10];
  ssize_t size = ::read(master_, buffer, sizeof(buffer));
  if (size > 0) {
    after_write(TRY(output_.write(std::string_view(buffer, static_cast<size_t>(size)))));
    return ok();
  }
  if (size < 0 && errno == EINTR) return ok();
  // EIO: nobody has the terminal open. That is the end, unless the process is about to open it again.
  if (ended_) {
    end_ = JoinEnd{};
  } else if (size == 0 || errno == EIO) {
    pollfd entry = {pidfd_, POLLIN, 0};
    // Without the wait, poll(2) would report the hung-up terminal in a busy loop.
    if (::poll(&entry, 1, 50) > 0) ended_ = true;
  }
  return ok();
}

void ConsoleJoin::after_write(OutputSink::State state) {
  // Nobody reads any more: dropping the master hangs the terminal up, and the program is told by SIGHUP and EIO.
  if (state == OutputSink::State::broken || state == OutputSink::State::hung_up) end_ = JoinEnd{.detached = true};
}

void ConsoleJoin::pass_input() {
  while (!input_.waiting().empty()) {
    ssize_t size = ::write(master_, input_.waiting().data(), input_.waiting().size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return;
    input_.consume(static_cast<size_t>(size));
  }
  if (!input_ended_) return;
  constexpr char k_end_of_file = 4;  // VEOF: what a person types
  if (::write(master_, &k_end_of_file, 1) == 1 || errno != EAGAIN) input_ended_ = false;
}

void ConsoleJoin::copy_window_size() {
  std::optional<WindowSize> size = window_size(options_.stdin_fd);
  if (!size) size = window_size(options_.stdout_fd);
  if (size) set_window_size(master_, *size).ignore("a terminal that is gone is seen by its end");
}

}  // namespace

Result<JoinEnd> join_console(int pty_master, int pidfd, const JoinOptions& options) {
  JoinSignals signals = TRY(JoinSignals::block());
  return ConsoleJoin(pty_master, pidfd, options, std::move(signals)).run();
}

}  // namespace ctr::runtime
