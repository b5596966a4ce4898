// The program's stdin, stdout and stderr (or its terminal) as the monitor holds them: into the log, to the clients.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"
#include "runtime/console.h"
#include "runtime/log_journal.h"
#include "runtime/monitor_clients.h"

namespace ctr::runtime {

// Our ends of the pipes, and the program's.
struct ProgramPipes {
  Fd stdin_write, stdout_read, stderr_read;  // ours, non-blocking
  Fd stdin_read, stdout_write, stderr_write;
  // With stdin only for containers that were made with -i.
  static Result<ProgramPipes> make(bool with_stdin);
};

class [[nodiscard]] ContainerStreams {
 public:
  // Both outlive this object. `log` takes what they write.
  ContainerStreams(EventLoop& loop, AttachServer& clients, ContainerLog log);
  ContainerStreams(const ContainerStreams&) = delete;
  ContainerStreams& operator=(const ContainerStreams&) = delete;
  ~ContainerStreams();

  Result<void> start_pipes(Fd stdin_write, Fd stdout_read, Fd stderr_read);
  Result<void> start_terminal(Fd master);

  void input(std::string_view bytes);
  bool input_idle() const { return input_.empty(); }
  void input_end();
  void resize(WindowSize size);
  // The program gets EPIPE from now on.
  void close_output(int stream);
  // Reads on, after the clients have caught up.
  void resume();
  // The program has ended: takes what it left in the pipes, whether or not the clients keep up.
  void drain();

 private:
  // One descriptor and what the loop watches it for.
  struct Port {
    Fd fd;
    int stream = 0;  // 1, 2; 0: stdin
    uint32_t events = 0;
  };
  enum class Turn { more, empty, ended };

  void watch(Port& port, uint32_t events);
  void close(Port& port);
  void on_output(Port& port);
  Turn read_once(Port& port);
  void on_event(Port& port, uint32_t events);
  void write_input();
  Port& input_port() { return terminal_ ? outputs_[0] : stdin_; }

  EventLoop& loop_;
  AttachServer& clients_;
  ContainerLog log_;
  bool terminal_ = false;
  Port stdin_;
  std::array<Port, 2> outputs_;  // stdout or the terminal, stderr
  std::string input_;            // not yet taken by the program; bounded by what clients are granted
  bool input_ended_ = false;
  bool paused_ = false;
  std::optional<EventLoop::TimerId> reopen_;
  std::string buffer_;
};

}  // namespace ctr::runtime
