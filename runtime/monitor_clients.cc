#include "runtime/monitor_clients.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/channel.h"

namespace ctr::runtime {

namespace {

using std::chrono::steady_clock;

// Each may hold a packet of 32 KiB back, so their number bounds the memory.
constexpr size_t k_max_clients = 32;
constexpr int k_backlog_packets = 16;  // of one client in one turn of the loop

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

template <typename T>
std::optional<T> read_as(std::string_view data) {
  T value = {};
  if (data.size() != sizeof(value)) return std::nullopt;
  data.copy(reinterpret_cast<char*>(&value), sizeof(value));
  return value;
}

// Only the same user and root may command a container; the directory's mode says the same.
bool is_trusted(int socket) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

}  // namespace

struct AttachServer::Client {
  Fd socket;
  bool starter = false;
  bool attached = false;
  bool waits = false;  // wants the exit code only
  StarterAttach streams;
  std::deque<std::string> queue;  // packets that the socket has not taken, first byte is the frame
  uint32_t owed = 0;              // input bytes taken but not granted again
  uint32_t events = 0;            // what the loop watches
  steady_clock::time_point last_sign = steady_clock::now();
  std::optional<EventLoop::TimerId> patience;
  bool dead = false;
};

AttachServer::AttachServer(EventLoop& loop, AttachTarget& target, std::chrono::milliseconds patience)
    : loop_(loop), target_(target), patience_(patience) {}

AttachServer::~AttachServer() {
  stop_listening();
  for (auto& client : clients_) leave(*client);
}

Result<void> AttachServer::open(const std::string& run_dir) {
  const Dir dir = TRY(Dir::open_or_make(run_dir, 0700));
  // A monitor that was killed leaves its socket behind.
  dir.remove_file(k_attach_socket).ignore("usually there is none");
  Fd socket = TRY(Channel::listen(dir, k_attach_socket));
  TRY(set_nonblocking(socket.get()));
  return listen(std::move(socket));
}

void AttachServer::close(const std::string& run_dir) {
  stop_listening();
  const auto dir = Dir::open(run_dir);
  if (!dir) return;
  dir->remove_file(k_attach_socket).ignore("it was not made yet");
  const size_t slash = run_dir.rfind('/');
  const auto parent = Dir::open(run_dir.substr(0, slash));
  if (parent) parent->remove_dir(run_dir.substr(slash + 1)).ignore("others may keep files there");
}

Result<void> AttachServer::listen(Fd socket) {
  listener_ = std::move(socket);
  return loop_.add(listener_.get(), EPOLLIN, [this](uint32_t) { on_accept(); });
}

void AttachServer::stop_listening() {
  if (!listener_.valid()) return;
  loop_.remove(listener_.get());
  listener_.reset();
}

Result<void> AttachServer::adopt_starter(Fd socket, const StarterAttach& streams) {
  return add_client(std::move(socket), streams);
}

Result<void> AttachServer::add_client(Fd socket, const std::optional<StarterAttach>& streams) {
  auto client = std::make_unique<Client>();
  client->socket = std::move(socket);
  if (streams) {
    client->starter = client->attached = true;
    client->streams = *streams;
  }
  client->events = EPOLLIN;
  Client* raw = client.get();
  TRY(loop_.add(client->socket.get(), EPOLLIN, [this, raw](uint32_t events) {
    on_client(*raw, events);
    sweep();
  }));
  clients_.push_back(std::move(client));
  return ok();
}

void AttachServer::on_accept() {
  Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid() || !is_trusted(socket.get()) || clients_.size() >= k_max_clients) return;
  add_client(std::move(socket), std::nullopt).ignore("the client sees its socket closed");
}

void AttachServer::on_client(Client& client, uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush(client);
  for (int i = 0; i < k_backlog_packets && !client.dead; ++i) {
    Result<std::optional<Packet>> packet = receive_packet(client.socket.get(), buffer_);
    if (!packet && packet.error().sys() == EAGAIN) return;
    // unix(7): the client closed before it read all of ours. What it sent is still to be read.
    if (!packet && packet.error().sys() == ECONNRESET) continue;
    if (!packet || !*packet) {
      // A starter that dies without a word takes the program's input with it, as the end of a pipeline does.
      if (client.starter && client.streams.stdin_) target_.input_end();
      return leave(client);
    }
    on_packet(client, **packet);
  }
}

void AttachServer::on_packet(Client& client, Packet& packet) {
  if (packet.frame == Frame::request) return on_request(client, packet.data, std::move(packet.fd));
  if (!client.attached) return;
  switch (packet.frame) {
    case Frame::input:
      client.owed += static_cast<uint32_t>(packet.data.size());
      if (client.streams.stdin_) target_.input(packet.data);
      if (!client.streams.stdin_ || target_.input_idle()) grant(client);
      return;
    case Frame::input_end:
      if (client.streams.stdin_) target_.input_end();
      client.streams.stdin_ = false;
      return;
    case Frame::still_here:
      if (client.starter) client.last_sign = steady_clock::now();
      return;
    case Frame::resize:
      if (auto size = read_as<WindowSize>(packet.data)) target_.resize(*size);
      return;
    case Frame::signal:
      if (auto number = read_as<int32_t>(packet.data)) {
        target_.send_signal(*number).ignore("a program that has ended is about to be reported");
      }
      return;
    case Frame::output_closed:
      if (auto stream = read_as<uint8_t>(packet.data)) on_output_closed(client, *stream);
      return;
    case Frame::detach:
      return leave(client);
    default:
      return;
  }
}

Result<void> AttachServer::on_orders(const Json& request) {
  NewOrders orders{.health = {}, .engine = *request.find("orders")};
  if (!orders.engine.is_object()) return Error(Errc::invalid, "orders are an object");
  if (const auto health = TRY(JsonReader(request, "orders").find_object("health"))) {
    orders.health = TRY(health_from_json(*health));
  }
  target_.change_orders(orders);
  return ok();
}

namespace {

StarterAttach streams_of(const Json& streams) {
  auto wants = [&](std::string_view name) {
    const Json* value = streams.find(name);
    return value != nullptr && value->is_bool() && value->as_bool();
  };
  return {.stdin_ = wants("stdin"), .stdout_ = wants("stdout"), .stderr_ = wants("stderr")};
}

}  // namespace

// The client becomes the starter, whose socket is not ours until the program runs.
void AttachServer::on_start(Client& client, const Json& streams) {
  if (!target_.waits_for_start()) {
    const Error error(Errc::bad_state, "the container does not wait to be started");
    const Json answer = Json::object().set("error", to_json(error));
    send_packet(client.socket.get(), Frame::answer, dump_json(answer)).ignore("the client sees its socket closed");
    return leave(client);
  }
  loop_.remove(client.socket.get());
  Fd socket = std::move(client.socket);
  client.dead = true;
  const bool attached = streams.find("stdout") != nullptr;
  target_.start(std::move(socket), attached ? std::optional(streams_of(streams)) : std::nullopt);
}

void AttachServer::on_request(Client& client, std::string_view text, Fd passed) {
  Result<Json> request = parse_json(text, "attach request", {.size_bytes = k_frame_bytes, .depth = 8});
  Json answer = Json::object();
  int fd = -1;
  if (!request) {
    answer.set("error", request.error().text());
  } else if (const Json* start = request->find("start"); start != nullptr) {
    return on_start(client, *start);
  } else if (const Json* streams = request->find("attach"); streams != nullptr && !target_.can_attach()) {
    answer.set("error", "the container's output goes straight to where it was started (log driver passthrough)");
  } else if (streams != nullptr && target_.waits_for_start()) {
    answer.set("error", "the container's program waits to be started");
  } else if (streams != nullptr) {
    client.attached = true;
    client.streams = streams_of(*streams);
    answer.set("attached", true);
  } else if (const Json* number = request->find("signal"); number != nullptr && number->is_integer()) {
    if (request->find("stop") != nullptr) target_.keep_down();
    Result<void> sent = target_.send_signal(static_cast<int>(number->as_int()));
    answer.set(sent ? "sent" : "error", sent ? Json(true) : Json(sent.error().text()));
  } else if (request->find("orders") != nullptr) {
    Result<void> changed = on_orders(*request);
    answer.set(changed ? "changed" : "error", changed ? Json(true) : Json(changed.error().text()));
  } else if (const Json* order = request->find("network"); order != nullptr) {
    const Result<void> changed = target_.change_network(*order, std::move(passed));
    answer.set(changed ? "changed" : "error", changed ? Json(true) : to_json(changed.error()));
  } else if (request->find("pidfd") != nullptr) {
    fd = target_.init_pidfd();
    answer.set("pid", int64_t{target_.init_pid()});
  } else if (request->find("root") != nullptr) {
    const Result<void> shown = target_.show_root(client.socket.get());
    if (shown) return leave(client);
    answer.set("error", shown.error().text());
  } else if (request->find("wait") != nullptr) {
    client.waits = true;
    answer.set("waiting", true);
  } else if (request->find("status") != nullptr) {
    auto attached = std::count_if(clients_.begin(), clients_.end(), [](const auto& other) { return other->attached; });
    answer.set("pid", int64_t{target_.init_pid()}).set("monitor_pid", int64_t{::getpid()});
    auto waiting = std::count_if(clients_.begin(), clients_.end(), [](const auto& other) { return other->waits; });
    answer.set("attached_clients", int64_t{attached}).set("waiting_clients", int64_t{waiting});
  } else {
    answer.set("error", "unknown request");
  }
  // The first packet on a fresh socket always fits.
  if (!send_packet(client.socket.get(), Frame::answer, dump_json(answer), fd)) leave(client);
}

void AttachServer::on_output_closed(Client& client, int stream) {
  if (stream != 1 && stream != 2) return;
  auto reads = [stream](const Client& other) { return stream == 1 ? other.streams.stdout_ : other.streams.stderr_; };
  (stream == 1 ? client.streams.stdout_ : client.streams.stderr_) = false;
  bool read_by_others = std::any_of(clients_.begin(), clients_.end(), [&](const auto& other) {
    return other->attached && !other->dead && reads(*other);
  });
  if (client.starter && !read_by_others) target_.close_output(stream);
}

bool AttachServer::ready() const {
  return std::all_of(clients_.begin(), clients_.end(), [](const auto& client) { return client->queue.empty(); });
}

void AttachServer::output(int stream, std::string_view bytes) {
  Frame frame = stream == 1 ? Frame::output : Frame::error_output;
  for (auto& client : clients_) {
    bool wants = stream == 1 ? client->streams.stdout_ : client->streams.stderr_;
    if (!client->attached || !wants || client->dead) continue;
    for (std::string_view rest = bytes; !rest.empty() && !client->dead;) {
      std::string_view part = rest.substr(0, k_frame_bytes);
      post(*client, frame, part);
      rest.remove_prefix(part.size());
    }
  }
  sweep();
}

// Sends one packet, behind those that wait.
void AttachServer::post(Client& client, Frame frame, std::string_view data) {
  if (client.queue.empty()) {
    Result<void> sent = send_packet(client.socket.get(), frame, data);
    if (sent) return;
    if (sent.error().sys() != EAGAIN) {
      // The client is gone. What it has sent before it went is still to be read: on_client() ends it.
      client.streams.stdout_ = client.streams.stderr_ = false;
      return;
    }
    client.last_sign = steady_clock::now();
  }
  std::string packet(1, static_cast<char>(frame));
  client.queue.push_back(packet.append(data));
  watch(client);
}

void AttachServer::flush(Client& client) {
  bool lagged = !client.queue.empty();
  while (!client.queue.empty()) {
    const std::string& packet = client.queue.front();
    auto frame = static_cast<Frame>(static_cast<uint8_t>(packet[0]));
    Result<void> sent = send_packet(client.socket.get(), frame, std::string_view(packet).substr(1));
    if (!sent && sent.error().sys() == EAGAIN) return;
    if (!sent) {
      leave(client);
      break;
    }
    client.last_sign = steady_clock::now();
    client.queue.pop_front();
  }
  if (client.dead) return;
  if (client.owed > 0 && target_.input_idle()) grant(client);
  watch(client);
  if (finishing_) return leave(client);
  if (lagged && ready()) target_.output_caught_up();
}

// Lets the client send as many bytes as have been taken from it.
void AttachServer::grant(Client& client) {
  if (client.owed == 0 || client.dead) return;
  uint32_t bytes = client.owed;
  // A full socket: once more when it can be written to.
  if (client.queue.empty() && send_packet(client.socket.get(), Frame::grant, bytes_of(bytes))) client.owed = 0;
  watch(client);
}

void AttachServer::input_drained() {
  for (auto& client : clients_) grant(*client);
}

// Tells the loop what to wait for, and starts or ends the patience with a client that lags behind.
void AttachServer::watch(Client& client) {
  if (client.dead) return;
  bool owes_grant = client.owed > 0 && target_.input_idle();
  uint32_t events = EPOLLIN;
  if (!client.queue.empty() || owes_grant) events |= EPOLLOUT;
  if (events != client.events && loop_.change(client.socket.get(), events)) client.events = events;
  if (client.queue.empty() && client.patience) {
    loop_.cancel_timer(*std::exchange(client.patience, std::nullopt));
  } else if (!client.queue.empty() && !client.patience) {
    client.patience = loop_.add_timer(patience_, [this, raw = &client] {
      raw->patience.reset();
      check_patience(*raw);
      sweep();
    });
  }
}

void AttachServer::check_patience(Client& client) {
  if (client.queue.empty() || client.dead) return;
  if (steady_clock::now() - client.last_sign < patience_) return watch(client);
  drop(client);
}

void AttachServer::drop(Client& client) {
  // Its buffer is full; a larger one takes the last word. Source: socket(7), SO_SNDBUF.
  int size_bytes = 0;
  socklen_t length = sizeof(size_bytes);
  if (::getsockopt(client.socket.get(), SOL_SOCKET, SO_SNDBUF, &size_bytes, &length) == 0) {
    (void)::setsockopt(client.socket.get(), SOL_SOCKET, SO_SNDBUF, &size_bytes, length);
  }
  send_packet(client.socket.get(), Frame::dropped, {}).ignore("the client sees its socket closed");
  leave(client);
}

void AttachServer::finish(int exit_code, std::function<void()> gone) {
  finishing_ = true;
  gone_ = std::move(gone);
  int32_t code = exit_code;
  for (auto& client : clients_) {
    if ((client->attached || client->waits) && !client->dead) post(*client, Frame::exit_code, bytes_of(code));
    if (client->queue.empty()) leave(*client);
  }
  sweep();
}

// Ends a client; the object lives until sweep(), since callers up the stack still hold it.
void AttachServer::leave(Client& client) {
  if (client.dead) return;
  client.dead = true;
  if (client.patience) loop_.cancel_timer(*client.patience);
  client.patience.reset();
  loop_.remove(client.socket.get());
  client.socket.reset();
  bool lagged = !client.queue.empty();
  client.queue.clear();
  client.streams = {};
  if (lagged && !finishing_ && ready()) target_.output_caught_up();
}

void AttachServer::sweep() {
  clients_.remove_if([](const auto& client) { return client->dead; });
  if (finishing_ && clients_.empty() && gone_) std::exchange(gone_, nullptr)();
}

}  // namespace ctr::runtime
