#include "runtime/container/notify.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstring>
#include <optional>

#include "base/descriptors.h"
#include "base/text.h"
#include "base/wait.h"

namespace ctr::runtime {
namespace {

constexpr const char* k_directory = "notify";
constexpr const char* k_socket = "notify";
constexpr std::string_view k_variable = "NOTIFY_SOCKET=";
constexpr std::string_view k_ready = "READY=1";
// As long as a message may be for systemd (NOTIFY_BUFFER_MAX, which is PIPE_BUF).
constexpr size_t k_max_message = 4096;
// A service manager answers in milliseconds; one that does not keeps nobody.
constexpr std::chrono::seconds k_barrier_wait{5};
constexpr timeval k_send_time{.tv_sec = 5, .tv_usec = 0};

// An address, with what its path leads through while it is used.
struct Address {
  sockaddr_un value{};
  socklen_t size = 0;
  Fd directory;
};

Result<Address> address_in(Fd directory, std::string_view name) {
  Address out{.directory = std::move(directory)};
  // An address holds 107 bytes: the directory is named by its descriptor.
  const std::string path = fmt::format("/proc/self/fd/{}/{}", out.directory.get(), name);
  if (path.size() >= sizeof out.value.sun_path) return Error(Errc::invalid, "the file's name is too long");
  out.value.sun_family = AF_UNIX;
  std::memcpy(out.value.sun_path, path.c_str(), path.size() + 1);
  out.size = sizeof out.value;
  return out;
}

Result<Address> address_of(const std::string& socket) {
  if (socket.starts_with('/')) {
    const size_t slash = socket.rfind('/');
    Fd directory = TRY(open_path(socket.substr(0, slash + 1), O_PATH | O_DIRECTORY));
    return address_in(std::move(directory), std::string_view(socket).substr(slash + 1));
  }
  Address out;
  out.value.sun_family = AF_UNIX;
  // Abstract addresses begin with a NUL, and are as long as they are (unix(7)).
  std::memcpy(out.value.sun_path + 1, socket.data() + 1, socket.size() - 1);
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
  return out;
}

Result<Fd> make_socket() {
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return Error::from_errno("make a socket");
  return socket;
}

// The next message; nullopt when none waits. Descriptors that came with it are closed by the kernel.
std::optional<std::string> take_message(int socket) {
  char buffer[k_max_message];
  ssize_t size = -1;
  do size = ::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
  while (size < 0 && errno == EINTR);
  if (size < 0) return std::nullopt;
  return std::string(buffer, static_cast<size_t>(size));
}

// As the kernel has it: what is mounted is named by its path.
Result<std::string> path_of(const Dir& directory) {
  char buffer[PATH_MAX];
  const std::string link = fmt::format("/proc/self/fd/{}", directory.fd());
  const ssize_t size = ::readlink(link.c_str(), buffer, sizeof buffer);
  if (size < 0) return Error::from_errno("find the directory of the notify socket");
  return std::string(buffer, static_cast<size_t>(size));
}

bool says_ready(const std::string& message) {
  const auto lines = split(message, '\n');
  return std::find(lines.begin(), lines.end(), k_ready) != lines.end();
}

Result<void> send(const std::string& target, std::string_view message, int fd = -1) {
  const std::string act = fmt::format("tell the service manager at '{}'", printable(target));
  const Address address = TRY(address_of(target).context(act));
  const Fd socket = TRY(make_socket());
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &k_send_time, sizeof k_send_time) < 0) {
    return Error::from_errno(act);
  }
  iovec part{.iov_base = const_cast<char*>(message.data()), .iov_len = message.size()};
  DescriptorRoom<1> room;
  msghdr header{};
  header.msg_name = const_cast<sockaddr_un*>(&address.value);
  header.msg_namelen = address.size;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fd >= 0) room.put(header, std::array{fd});
  ssize_t sent = -1;
  do sent = ::sendmsg(socket.get(), &header, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return Error::from_errno(act);
  return ok();
}

// Of one turn of relay().
constexpr int k_relayed_messages = 16;

// What of sd_notify(3) is about the service and not about who speaks for it.
constexpr std::array<std::string_view, 12> k_allowed = {
    "READY=1",      "RELOADING=1", "STOPPING=1",     "MONOTONIC_USEC=",      "STATUS=", "ERRNO=", "BUSERROR=",
    "EXIT_STATUS=", "WATCHDOG=",   "WATCHDOG_USEC=", "EXTEND_TIMEOUT_USEC=", "X_"};

}  // namespace

Result<void> check_notify_address(const std::string& socket) {
  const bool abstract = socket.size() > 1 && socket[0] == '@' && socket.size() <= sizeof sockaddr_un{}.sun_path;
  if (abstract || (socket.size() > 1 && socket[0] == '/')) return ok();
  return Error(Errc::invalid, fmt::format("NOTIFY_SOCKET '{}' is neither an absolute path nor an abstract address",
                                          printable(socket)));
}

Result<void> tell_manager(const std::string& socket, std::string_view message) { return send(socket, message); }

void wait_noticed(const std::string& socket) {
  auto pipe = make_pipe();
  if (!pipe || !send(socket, "BARRIER=1", pipe->write_end.get())) return;
  pipe->write_end.reset();
  // Closed by the receiver once it has dealt with what came before.
  wait_for(pipe->read_end.get(), POLLIN, {}, k_barrier_wait).ignore("it has been told, whenever it looks");
}

std::string allowed_lines(std::string_view message) {
  std::string out;
  for (const auto& line : split(message, '\n')) {
    const bool allowed = std::any_of(k_allowed.begin(), k_allowed.end(),
                                     [&](std::string_view beginning) { return line.starts_with(beginning); });
    if (allowed) out.append(out.empty() ? "" : "\n").append(line);
  }
  return out;
}

Result<Dir> make_notify_dir(const Dir& container_dir) {
  Dir directory = TRY(container_dir.open_or_make_dir(k_directory, 0755));
  if (::fchmod(directory.fd(), 0755) < 0)
    return Error::from_errno("set the mode of the directory of the notify socket");
  return directory;
}

Result<NotifyPlace> notify_place(const std::string& destination, const Dir& notify_dir) {
  return NotifyPlace{{.destination = destination,
                      .type = "bind",
                      .source = TRY(path_of(notify_dir)),
                      .options = {"bind", "ro", "nosuid", "nodev", "noexec", "private"}},
                     fmt::format("{}{}/{}", k_variable, destination, k_socket)};
}

Result<bool> add_notify_socket(const std::string& socket, const StateRoot& root, const Dir& container_dir,
                               const HostFacts& host, RuntimeSpec* spec) {
  TRY(check_notify_address(socket));
  if (!spec->has_fresh_namespace(NamespaceType::mount)) return false;
  const Dir directory = TRY(make_notify_dir(container_dir));
  // Root of its user namespace is nobody special to our directories, and finds its way to what it mounts by name.
  if (host.privileged() && spec->find_namespace(NamespaceType::user) != nullptr) TRY(root.let_through(container_dir));
  // An address that is no path is nothing that could be mounted on.
  const NotifyPlace place = TRY(notify_place(socket[0] == '/' ? socket : k_usual_notify_place, directory));
  spec->mounts.push_back(place.mount);
  std::vector<std::string>& env = spec->process->env;
  std::erase_if(env, [](const std::string& entry) { return entry.starts_with(k_variable); });
  env.push_back(place.variable);
  return true;
}

Result<NotifyProxy> NotifyProxy::listen(const std::string& socket, const Dir& container_dir) {
  const Dir directory = TRY(container_dir.open_dir(k_directory));
  TRY(check_notify_address(socket));
  if (directory.exists(k_socket)) TRY(directory.remove_file(k_socket));
  Fd own = TRY(make_socket());
  const Address address = TRY(address_in(Fd(::fcntl(directory.fd(), F_DUPFD_CLOEXEC, 3)), k_socket));
  if (::bind(own.get(), reinterpret_cast<const sockaddr*>(&address.value), address.size) < 0) {
    return Error::from_errno("make the notify socket");
  }
  if (::fchmodat(directory.fd(), k_socket, 0777, 0) < 0) return Error::from_errno("set the mode of the notify socket");
  return NotifyProxy(std::move(own), socket);
}

bool NotifyProxy::pass_on(pid_t pid, std::vector<std::string>* warnings) {
  bool ready = false;
  while (const auto message = take_message(socket_.get())) {
    if (!says_ready(*message)) continue;
    ready = true;
    if (auto sent = send(target_, k_ready); !sent) {
      warnings->push_back(sent.error().text());
      continue;
    }
    send(target_, fmt::format("MAINPID={}", pid)).ignore("the caller that has gone since was told what counts");
  }
  return ready;
}

void NotifyProxy::relay() const {
  for (int i = 0; i < k_relayed_messages; ++i) {
    const auto message = take_message(socket_.get());
    if (!message) return;
    const std::string lines = allowed_lines(*message);
    // A manager that takes nothing holds us up once, not for each message of the container.
    if (!lines.empty() && !send(target_, lines)) return;
  }
}

Result<void> NotifyProxy::wait_ready(pid_t pid, int pidfd, std::vector<std::string>* warnings) {
  pollfd entries[] = {{.fd = fd(), .events = POLLIN, .revents = 0}, {.fd = pidfd, .events = POLLIN, .revents = 0}};
  for (;;) {
    if (::poll(entries, 2, -1) < 0 && errno != EINTR) return Error::from_errno("wait for the container to be ready");
    // Also what it said before its end.
    if (pass_on(pid, warnings)) break;
    if (entries[1].revents != 0) return ok();
  }
  wait_noticed(target_);
  return ok();
}

}  // namespace ctr::runtime
