#include "base/dbus.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "base/text.h"
#include "base/wait.h"

namespace ctr {
namespace {

// A line of the authentication protocol. Source: D-Bus Specification, "Authentication Protocol".
constexpr size_t k_line_limit_bytes = 16384;
// Signals that nobody asked for are few; a bus that sends more is not waited for.
constexpr size_t k_signal_limit = 1024;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Values of addresses escape bytes as %xx. Source: D-Bus Specification, "Server Addresses".
Result<std::string> unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return Error(Errc::invalid, "a '%' without two hexadecimal digits");
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

struct SocketAddress {
  sockaddr_un address{};
  socklen_t size = 0;
};

Result<SocketAddress> fill_address(std::string_view name, bool abstract) {
  SocketAddress out;
  out.address.sun_family = AF_UNIX;
  // An abstract name begins with a NUL and has none at its end.
  const size_t size = name.size() + 1;
  if (name.empty() || size > sizeof out.address.sun_path || name.find('\0') != std::string_view::npos) {
    return Error(Errc::invalid, fmt::format("'{}' is not the name of a socket", printable(name)));
  }
  std::memcpy(out.address.sun_path + (abstract ? 1 : 0), name.data(), name.size());
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  return out;
}

Result<SocketAddress> parse_address(const std::string& text) {
  for (const std::string& address : split(text, ';')) {
    if (!address.starts_with("unix:")) continue;
    for (const std::string& pair : split(std::string_view(address).substr(5), ',')) {
      const auto parts = split_once(pair, '=');
      if (!parts || (parts->first != "path" && parts->first != "abstract")) continue;
      return fill_address(TRY(unescape(parts->second)), parts->first == "abstract");
    }
  }
  return Error(Errc::invalid, fmt::format("'{}' is not an address of a bus on this machine", printable(text)));
}

}  // namespace

Error dbus_error(const DBusMessage& message) {
  const std::string& name = message.error_name;
  Errc code = Errc::io;
  if (name.ends_with(".AccessDenied") || name.ends_with(".AuthFailed")) code = Errc::permission;
  if (name.ends_with(".NoSuchUnit") || name.ends_with(".ServiceUnknown") || name.ends_with(".NameHasNoOwner")) {
    code = Errc::not_found;
  }
  if (name.ends_with(".UnitExists")) code = Errc::exists;
  if (name.ends_with(".PropertyReadOnly") || name.ends_with(".UnknownProperty") || name.ends_with(".UnknownMethod")) {
    code = Errc::unsupported;
  }
  std::string text = name;
  if (message.signature.starts_with('s')) {
    DBusReader in(message.body);
    if (auto words = in.string(); words && !words->empty()) text = printable(*words);
  }
  while (text.ends_with('.')) text.pop_back();
  return {code, text};
}

Result<DBusConnection> DBusConnection::connect(const std::string& address, const Options& options) {
  const SocketAddress target = TRY(parse_address(address).context("address of the bus"));
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return Error::from_errno("create a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&target.address), target.size) < 0) {
    return Error::from_errno(fmt::format("connect to the bus at '{}'", printable(address)));
  }
  DBusConnection connection(std::move(socket), options);
  TRY(connection.authenticate());
  return connection;
}

Result<void> DBusConnection::authenticate() {
  DBusMessage hello{.type = DBusMessage::Type::call, .serial = ++last_serial_};
  hello.path = "/org/freedesktop/DBus";
  hello.interface = hello.destination = "org.freedesktop.DBus";
  hello.member = "Hello";
  // The first byte carries the credentials on systems where the kernel needs one.
  std::string bytes(1, '\0');
  bytes += fmt::format("AUTH EXTERNAL {}\r\nBEGIN\r\n", to_hex(std::to_string(options_.uid)));
  TRY(write(bytes + encode_dbus_message(hello)));
  size_t end = std::string::npos;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    if (input_.size() > k_line_limit_bytes) return Error(Errc::invalid, "the bus does not speak D-Bus");
    TRY(read_more());
  }
  const std::string line = input_.substr(0, end);
  if (!line.starts_with("OK ")) {
    return Error(Errc::permission, fmt::format("the bus does not take user {}: '{}'", options_.uid, printable(line)));
  }
  input_.erase(0, end + 2);
  return wait_reply(hello.serial) ? ok() : Error(Errc::permission, "the bus does not answer our greeting");
}

Result<void> DBusConnection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      bytes.remove_prefix(static_cast<size_t>(size));
    } else if (errno == EAGAIN) {
      TRY(wait_for(socket_.get(), POLLOUT, options_.cancel, options_.wait).context("write to the bus"));
    } else if (errno != EINTR) {
      return Error::from_errno("write to the bus");
    }
  }
  return ok();
}

Result<void> DBusConnection::read_more() {
  char buffer[4096];
  while (true) {
    const ssize_t size = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (size > 0) {
      input_.append(buffer, static_cast<size_t>(size));
      return ok();
    }
    if (size == 0) return Error(Errc::io, "the bus has closed the connection");
    if (errno == EAGAIN) {
      TRY(wait_for(socket_.get(), POLLIN, options_.cancel, options_.wait).context("wait for the bus"));
    } else if (errno != EINTR) {
      return Error::from_errno("read from the bus");
    }
  }
}

Result<DBusMessage> DBusConnection::next_message() {
  while (true) {
    auto frame = TRY(decode_dbus_message(input_));
    if (frame) {
      input_.erase(0, frame->size_bytes);
      return std::move(frame->message);
    }
    TRY(read_more());
  }
}

Result<uint32_t> DBusConnection::send(DBusMessage message) {
  message.serial = ++last_serial_;
  TRY(write(encode_dbus_message(message)));
  return message.serial;
}

Result<DBusMessage> DBusConnection::wait_reply(uint32_t serial) {
  while (true) {
    DBusMessage message = TRY(next_message());
    if (message.type == DBusMessage::Type::signal) {
      if (signals_.size() >= k_signal_limit) return Error(Errc::io, "the bus sends signals without end");
      signals_.push_back(std::move(message));
    } else if (message.reply_serial == serial) {
      if (message.type == DBusMessage::Type::error) return dbus_error(message);
      return message;
    }
  }
}

Result<DBusMessage> DBusConnection::call(DBusMessage message) { return wait_reply(TRY(send(std::move(message)))); }

Result<DBusMessage> DBusConnection::wait_signal(const std::string& interface, const std::string& member) {
  while (true) {
    DBusMessage message;
    if (signals_.empty()) {
      message = TRY(next_message());
    } else {
      message = std::move(signals_.front());
      signals_.pop_front();
    }
    const bool wanted = message.interface == interface && message.member == member;
    if (message.type == DBusMessage::Type::signal && wanted) return message;
  }
}

}  // namespace ctr
