// The loop of a command that is attached to a container.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/attach.h"
#include "runtime/join.h"
#include "runtime/join_input.h"

namespace ctr::runtime {

namespace {

// How often a blocked client says that it is still there: three times within the monitor's patience.
constexpr std::chrono::milliseconds k_still_here = std::chrono::milliseconds(k_patience) / 4;

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

class ContainerJoin {
 public:
  ContainerJoin(Fd socket, const JoinOptions& options, JoinSignals signals)
      : socket_(std::move(socket)),
        options_(options),
        signals_(std::move(signals)),
        input_(options.stdin_fd, options.detach_keys),
        outputs_{OutputSink(options.stdout_fd), OutputSink(options.stderr_fd)} {}

  Result<JoinEnd> run();

 private:
  Result<void> turn();
  Result<void> on_signals();
  Result<void> on_input(short events);
  Result<void> on_packets();
  Result<void> on_packet(const Packet& packet);
  Result<void> after_write(uint8_t stream, OutputSink::State state);
  Result<void> send(Frame frame, std::string_view data);
  Result<void> pass_input();
  Result<void> send_window_size();
  void detach();
  bool outputs_idle() const { return outputs_[0].idle() && outputs_[1].idle(); }

  Fd socket_;
  const JoinOptions& options_;
  JoinSignals signals_;
  std::optional<RawMode> raw_;
  InputSource input_;
  OutputSink outputs_[2];
  PacketBuffer buffer_;
  size_t window_ = k_input_window;
  bool input_ended_ = false;  // input_end is owed once waiting input is passed on
  bool socket_full_ = false;
  std::optional<JoinEnd> end_;
};

Result<JoinEnd> ContainerJoin::run() {
  if (options_.terminal && options_.stdin_fd >= 0 && ::isatty(options_.stdin_fd) == 1) {
    raw_.emplace(TRY(RawMode::enter(options_.stdin_fd)));
  }
  if (options_.terminal) TRY(send_window_size());
  while (!end_) TRY(turn());
  return *end_;
}

// One poll(2) and what it brings. poll, not epoll: the caller's stdin may be a file.
Result<void> ContainerJoin::turn() {
  enum { k_socket, k_signals, k_input, k_stdout, k_stderr, k_entries };
  pollfd entries[k_entries] = {};
  // While an output is blocked the socket is not read: the monitor feels it.
  short socket_events = outputs_idle() ? POLLIN : 0;
  if (socket_full_) socket_events = static_cast<short>(socket_events | POLLOUT);
  entries[k_socket] = {socket_events != 0 ? socket_.get() : -1, socket_events, 0};
  entries[k_signals] = {signals_.fd(), POLLIN, 0};
  entries[k_input] = {input_.wants_read() && window_ > 0 && !socket_full_ ? input_.fd() : -1, POLLIN, 0};
  for (int i = 0; i < 2; ++i) entries[k_stdout + i] = {outputs_[i].idle() ? -1 : outputs_[i].poll_fd(), POLLOUT, 0};
  int timeout = outputs_idle() ? -1 : static_cast<int>(k_still_here.count());
  int ready = ::poll(entries, k_entries, timeout);
  if (ready < 0 && errno != EINTR) return Error::from_errno("poll");
  if (ready < 0) return ok();
  if (ready == 0) return send(Frame::still_here, {});

  if (entries[k_signals].revents != 0) TRY(on_signals());
  for (uint8_t i = 0; i < 2 && !end_; ++i) {
    if (entries[k_stdout + i].revents != 0) TRY(after_write(i, TRY(outputs_[i].flush())));
  }
  if (end_) return ok();
  if ((entries[k_socket].revents & POLLOUT) != 0) {
    socket_full_ = false;
    TRY(pass_input());
  }
  if (entries[k_input].revents != 0) TRY(on_input(entries[k_input].revents));
  if (!end_ && (entries[k_socket].revents & (POLLIN | POLLHUP | POLLERR)) != 0) TRY(on_packets());
  return ok();
}

Result<void> ContainerJoin::on_signals() {
  while (std::optional<int> number = signals_.next()) {
    if (*number == SIGWINCH && options_.terminal) {
      TRY(send_window_size());
    } else if (*number == SIGCONT && raw_) {
      (void)raw_->apply();
      TRY(send_window_size());
    } else if (options_.signal_proxy) {
      int32_t value = *number;
      TRY(send(Frame::signal, bytes_of(value)));
    } else if (*number == SIGHUP && options_.terminal) {
      // As when reading finds it gone, which may come first: the program goes on.
      detach();
      return ok();
    } else if (*number != SIGWINCH && *number != SIGCONT && *number != SIGURG && *number != SIGTSTP) {
      return ended_by_signal(*number);
    }
  }
  return ok();
}

Result<void> ContainerJoin::on_input(short events) {
  switch (input_.read(std::min(window_, k_frame_bytes), (events & POLLHUP) != 0)) {
    case InputSource::State::data:
      break;
    case InputSource::State::end:
      input_ended_ = true;
      break;
    case InputSource::State::detached:
      TRY(pass_input());
      detach();
      return ok();
    case InputSource::State::hung_up:
      detach();
      return ok();
  }
  return pass_input();
}

// The monitor's frames, as long as the outputs keep up, but not so many that the rest of the loop starves.
Result<void> ContainerJoin::on_packets() {
  for (int i = 0; i < 64 && outputs_idle() && !end_; ++i) {
    Result<std::optional<Packet>> packet = receive_packet(socket_.get(), buffer_);
    if (!packet) {
      if (packet.error().sys() == EAGAIN) return ok();
      // unix(7): the monitor closed before it read all of ours. What it sent is still to be read.
      if (packet.error().sys() == ECONNRESET) continue;
      return std::move(packet).error();
    }
    if (!*packet) return Error(Errc::io, "the monitor of the container has gone away");
    TRY(on_packet(**packet));
  }
  return ok();
}

Result<void> ContainerJoin::on_packet(const Packet& packet) {
  switch (packet.frame) {
    case Frame::output:
      return after_write(0, TRY(outputs_[0].write(packet.data)));
    case Frame::error_output:
      return after_write(1, TRY(outputs_[1].write(packet.data)));
    case Frame::grant: {
      uint32_t bytes = 0;
      if (packet.data.size() == sizeof(bytes)) std::memcpy(&bytes, packet.data.data(), sizeof(bytes));
      window_ += bytes;
      return ok();
    }
    case Frame::exit_code: {
      int32_t code = 0;
      if (packet.data.size() == sizeof(code)) std::memcpy(&code, packet.data.data(), sizeof(code));
      end_ = JoinEnd{.detached = false, .exit_code = code};
      return ok();
    }
    case Frame::dropped:
      return Error(Errc::timed_out, "the container did not wait any longer for this command to read its output")
          .with_hint("'ctr logs' has all of it");
    default:
      return ok();
  }
}

Result<void> ContainerJoin::after_write(uint8_t stream, OutputSink::State state) {
  if (state == OutputSink::State::hung_up) {
    detach();
  } else if (state == OutputSink::State::broken) {
    auto number = static_cast<uint8_t>(stream + 1);
    TRY(send(Frame::output_closed, bytes_of(number)));
  }
  return ok();
}

// Sends what was read, and the end of input behind it. What the socket does not take waits for POLLOUT.
Result<void> ContainerJoin::pass_input() {
  while (!input_.waiting().empty()) {
    std::string_view data = input_.waiting().substr(0, std::min(window_, k_frame_bytes));
    if (data.empty()) return ok();
    Result<void> sent = send_packet(socket_.get(), Frame::input, data);
    if (!sent && sent.error().sys() == EAGAIN) {
      socket_full_ = true;
      return ok();
    }
    if (!sent && sent.error().sys() != EPIPE) return sent;
    window_ -= data.size();
    input_.consume(data.size());
  }
  if (!input_ended_) return ok();
  Result<void> sent = send_packet(socket_.get(), Frame::input_end, {});
  if (!sent && sent.error().sys() == EAGAIN) {
    socket_full_ = true;
    return ok();
  }
  input_ended_ = false;
  return ok();
}

// Small frames. The monitor always reads its clients, so a full socket is a matter of microseconds; an ended one is
// seen when receiving.
Result<void> ContainerJoin::send(Frame frame, std::string_view data) {
  for (;;) {
    Result<void> sent = send_packet(socket_.get(), frame, data);
    if (sent || sent.error().sys() == EPIPE || sent.error().sys() == ECONNRESET) return ok();
    if (sent.error().sys() != EAGAIN) return sent;
    pollfd entry = {socket_.get(), POLLOUT, 0};
    (void)::poll(&entry, 1, -1);
  }
}

Result<void> ContainerJoin::send_window_size() {
  std::optional<WindowSize> size = window_size(options_.stdin_fd);
  if (!size) size = window_size(options_.stdout_fd);
  if (!size) return ok();
  uint16_t pair[2] = {size->rows, size->columns};
  return send(Frame::resize, bytes_of(pair));
}

void ContainerJoin::detach() {
  // When it cannot be sent the monitor sees the socket end, which is nearly the same.
  send(Frame::detach, {}).ignore("the socket ends right after");
  end_ = JoinEnd{.detached = true, .exit_code = 0};
}

}  // namespace

Result<JoinEnd> join_container(Fd socket, const JoinOptions& options) {
  JoinSignals signals = TRY(JoinSignals::block());
  return ContainerJoin(std::move(socket), options, std::move(signals)).run();
}

}  // namespace ctr::runtime
