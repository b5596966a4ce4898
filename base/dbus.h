// A connection to a D-Bus message bus of this machine.
//
//   we                                                   bus
//     "\0AUTH EXTERNAL <uid>", "BEGIN", Hello ──────────▶     all at once: one way there and back
//     ◀── "OK <guid>", answer to Hello ──────────────────
//     calls ────────────────────────────────────────────▶
//     ◀── replies and signals, in any order ──────────────
#pragma once

#include <chrono>
#include <deque>
#include <string>

#include "base/cancel.h"
#include "base/dbus_wire.h"
#include "base/fd.h"
#include "base/result.h"

namespace ctr {

class [[nodiscard]] DBusConnection {
 public:
  struct Options {
    uint32_t uid = 0;                        // who we say we are: the kernel tells the bus the same
    std::chrono::milliseconds wait{25'000};  // the longest silence of the bus: the default of libdbus
    CancelToken cancel = {};
  };
  // `address` is one of the form "unix:path=…" or "unix:abstract=…", or several with semicolons, of which the first
  // such counts. Errors: invalid (address), not_found, permission (the bus does not take us), timed_out, interrupted.
  static Result<DBusConnection> connect(const std::string& address, const Options& options);

  // Sends without waiting; the serial is chosen here and returned.
  Result<uint32_t> send(DBusMessage message);
  // The answer to the message with `serial`. Errors: as the bus says: not_found (no such unit, no such name), exists,
  // permission, unsupported (unknown property or method); otherwise io.
  Result<DBusMessage> wait_reply(uint32_t serial);
  // send() and wait_reply().
  Result<DBusMessage> call(DBusMessage message);
  // The next signal of that name, also one that came before; others are dropped.
  Result<DBusMessage> wait_signal(const std::string& interface, const std::string& member);

 private:
  DBusConnection(Fd socket, const Options& options) : socket_(std::move(socket)), options_(options) {}
  Result<void> authenticate();
  Result<void> write(std::string_view bytes);
  Result<void> read_more();
  Result<DBusMessage> next_message();

  Fd socket_;
  Options options_;
  std::string input_;
  std::deque<DBusMessage> signals_;
  uint32_t last_serial_ = 0;
};

// The error a bus answered with, as ours: code by its name, message by its text.
Error dbus_error(const DBusMessage& message);

}  // namespace ctr
