// The monitor's side of attach: who is attached, what they still have to read, how long they are waited for.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/result.h"
#include "runtime/attach.h"
#include "runtime/console.h"
#include "runtime/monitor_plan.h"

namespace ctr::runtime {

// What clients can do to a container.
class AttachTarget {
 public:
  virtual ~AttachTarget() = default;
  // False when the program has its starter's descriptors: there is nothing to attach to.
  virtual bool can_attach() const = 0;
  virtual void input(std::string_view bytes) = 0;
  // True when all input so far has reached the program.
  virtual bool input_idle() const = 0;
  virtual void input_end() = 0;
  virtual void resize(WindowSize size) = 0;
  virtual Result<void> send_signal(int number) = 0;
  // The program waits for start(), which takes the starter's socket; nobody can attach before.
  virtual bool waits_for_start() const { return false; }
  virtual void start(Fd /*socket*/, const std::optional<StarterAttach>& /*streams*/) {}
  // A user wants the container to stay down once its program has ended.
  virtual void keep_down() = 0;
  virtual void change_orders(const NewOrders& orders) = 0;
  // See NetworkSetup::change().
  virtual Result<void> change_network(const Json& /*order*/, Fd /*fd*/) {
    return Error(Errc::bad_state, "the container has no network of its own");
  }
  // Nobody who reads stream 1 or 2 is left, and the starter's reader broke off: the program gets EPIPE.
  virtual void close_output(int stream) = 0;
  // Every client has read what it must before the program may go on.
  virtual void output_caught_up() = 0;
  virtual pid_t init_pid() const = 0;
  virtual int init_pidfd() const = 0;
  // Has a process answer this client with a copy of the root's mount.
  virtual Result<void> show_root(int client) = 0;
};

// One that has a network and no program: all there is to ask for is to change it.
class NetworkTarget : public AttachTarget {
 public:
  bool can_attach() const final { return false; }
  void input(std::string_view) final {}
  bool input_idle() const final { return true; }
  void input_end() final {}
  void resize(WindowSize) final {}
  Result<void> send_signal(int) final { return no_program(); }
  void keep_down() final {}
  void change_orders(const NewOrders&) final {}
  void close_output(int) final {}
  void output_caught_up() final {}
  pid_t init_pid() const final { return 0; }
  int init_pidfd() const final { return -1; }
  Result<void> show_root(int) final { return no_program(); }

 private:
  static Error no_program() { return Error(Errc::bad_state, "there is no program"); }
};

class [[nodiscard]] AttachServer {
 public:
  // Both outlive this object. `patience`: how long a client may keep the program waiting.
  AttachServer(EventLoop& loop, AttachTarget& target, std::chrono::milliseconds patience = k_patience);
  AttachServer(const AttachServer&) = delete;
  AttachServer& operator=(const AttachServer&) = delete;
  ~AttachServer();

  // Serves the socket of `run_dir`, which is made. The caller holds the lock of what runs, so nobody serves another
  // one.
  Result<void> open(const std::string& run_dir);
  // No more clients come, and the socket is gone; so is the directory if nothing else is in there.
  void close(const std::string& run_dir);
  // Serves a listening socket.
  Result<void> listen(Fd socket);
  // No more clients come.
  void stop_listening();
  // The socket of the command that started the container; attached from the beginning.
  Result<void> adopt_starter(Fd socket, const StarterAttach& streams);

  // True when more output may be read from the program: nobody lags behind.
  bool ready() const;
  // Passes output on. What a client does not take at once is kept for it.
  void output(int stream, std::string_view bytes);
  // All input has reached the program: clients may send as much again.
  void input_drained();
  // Tells everybody how it ended and lets them go; `gone` is called when the last one has.
  void finish(int exit_code, std::function<void()> gone);

 private:
  struct Client;

  Result<void> add_client(Fd socket, const std::optional<StarterAttach>& streams);
  void on_accept();
  void on_client(Client& client, uint32_t events);
  void on_packet(Client& client, Packet& packet);
  void on_request(Client& client, std::string_view text, Fd passed);
  Result<void> on_orders(const Json& request);
  void on_start(Client& client, const Json& streams);
  void on_output_closed(Client& client, int stream);
  void post(Client& client, Frame frame, std::string_view data);
  void flush(Client& client);
  void grant(Client& client);
  void watch(Client& client);
  void check_patience(Client& client);
  void drop(Client& client);
  void leave(Client& client);
  void sweep();

  EventLoop& loop_;
  AttachTarget& target_;
  std::chrono::milliseconds patience_;
  Fd listener_;
  std::list<std::unique_ptr<Client>> clients_;
  PacketBuffer buffer_;
  bool finishing_ = false;
  std::function<void()> gone_;
};

}  // namespace ctr::runtime
