// Requests to a running container's monitor.
#include "runtime/attach.h"

#include <poll.h>

#include <cstring>

#include "base/channel.h"
#include "base/wait.h"

namespace ctr::runtime {

namespace {

// A monitor answers at once or is stopped.
constexpr std::chrono::milliseconds k_answer_time{5000};
// A change of networks waits for helpers to be ready, and for others who change the same network.
constexpr std::chrono::milliseconds k_change_time{30000};

Error not_running() { return Error(Errc::bad_state, "the container is not running"); }

struct Answer {
  Json body;
  Fd fd;
};

// The next packet; nullopt when the monitor has closed.
Result<std::optional<Packet>> next_packet(int socket, PacketBuffer& buffer, const CancelToken& cancel,
                                          std::optional<std::chrono::milliseconds> timeout) {
  for (;;) {
    TRY(wait_for(socket, POLLIN, cancel, timeout));
    Result<std::optional<Packet>> packet = receive_packet(socket, buffer);
    if (packet) return packet;
    if (packet.error().sys() != EAGAIN && packet.error().sys() != ECONNRESET) return packet;
  }
}

Result<Fd> connect_monitor(const Dir& run_dir) {
  Result<Channel> channel = Channel::connect(run_dir, k_attach_socket);
  // ENOENT: it has ended properly; ECONNREFUSED: it was killed.
  if (!channel && (channel.error().sys() == ENOENT || channel.error().sys() == ECONNREFUSED)) return not_running();
  if (!channel) return std::move(channel).error();
  return std::move(*channel).take_socket();
}

Result<Answer> ask(int socket, const Json& request, int fd = -1, std::chrono::milliseconds time = k_answer_time) {
  Result<void> sent = send_packet(socket, Frame::request, dump_json(request), fd);
  // It has ended since the connection was made.
  if (!sent && (sent.error().sys() == EPIPE || sent.error().sys() == ECONNRESET)) return not_running();
  TRY(std::move(sent));
  PacketBuffer buffer;
  std::optional<Packet> packet = TRY(next_packet(socket, buffer, {}, time));
  if (!packet || packet->frame != Frame::answer) return not_running();
  Json body = TRY(parse_json(packet->data, "answer of the monitor"));
  if (const Json* error = body.find("error")) {
    return error->is_string() ? Error(Errc::bad_state, error->as_string()) : error_from_json(*error);
  }
  return Answer{std::move(body), std::move(packet->fd)};
}

}  // namespace

Result<Fd> connect_attach(const Dir& run_dir, const JoinOptions& options) {
  Fd socket = TRY(connect_monitor(run_dir));
  Json streams = Json::object()
                     .set("stdin", options.stdin_fd >= 0)
                     .set("stdout", options.stdout_fd >= 0)
                     .set("stderr", options.stderr_fd >= 0);
  TRY(ask(socket.get(), Json::object().set("attach", std::move(streams))));
  return socket;
}

Result<Fd> ask_start(const Dir& run_dir, const std::optional<StarterAttach>& streams) {
  Fd socket = TRY(connect_monitor(run_dir));
  Json start = Json::object();
  if (streams) start.set("stdin", streams->stdin_).set("stdout", streams->stdout_).set("stderr", streams->stderr_);
  TRY(send_packet(socket.get(), Frame::request, dump_json(Json::object().set("start", std::move(start)))));
  return socket;
}

Result<MonitorStatus> query_status(const Dir& run_dir) {
  Fd socket = TRY(connect_monitor(run_dir));
  Answer answer = TRY(ask(socket.get(), Json::object().set("status", true)));
  JsonReader reader(answer.body, "answer of the monitor");
  MonitorStatus status;
  status.pid = static_cast<pid_t>(TRY(reader.get_int("pid")));
  status.monitor_pid = static_cast<pid_t>(TRY(reader.get_int("monitor_pid")));
  status.attached_clients = TRY(reader.get_uint("attached_clients"));
  status.waiting_clients = TRY(reader.get_uint("waiting_clients"));
  return status;
}

Result<Fd> query_pidfd(const Dir& run_dir) {
  Fd socket = TRY(connect_monitor(run_dir));
  Answer answer = TRY(ask(socket.get(), Json::object().set("pidfd", true)));
  if (!answer.fd.valid()) return not_running();
  return std::move(answer.fd);
}

Result<Fd> query_root(const Dir& run_dir) {
  Fd socket = TRY(connect_monitor(run_dir));
  Answer answer = TRY(ask(socket.get(), Json::object().set("root", true)));
  if (!answer.fd.valid()) return not_running();
  return std::move(answer.fd);
}

Result<void> send_signal(const Dir& run_dir, int number, SignalPurpose purpose) {
  Fd socket = TRY(connect_monitor(run_dir));
  Json request = Json::object().set("signal", number);
  if (purpose == SignalPurpose::stop) request.set("stop", true);
  TRY(ask(socket.get(), request));
  return ok();
}

Result<void> send_orders(const Dir& run_dir, const NewOrders& orders) {
  Fd socket = TRY(connect_monitor(run_dir));
  Json request = Json::object().set("orders", orders.engine);
  if (orders.health) request.set("health", to_json(*orders.health));
  TRY(ask(socket.get(), request));
  return ok();
}

Result<void> send_network_order(const Dir& run_dir, const Json& order, int fd) {
  Fd socket = TRY(connect_monitor(run_dir));
  TRY(ask(socket.get(), Json::object().set("network", order), fd, k_change_time));
  return ok();
}

Result<std::optional<int>> wait_for_exit(const Dir& run_dir, const CancelToken& cancel,
                                         std::optional<std::chrono::milliseconds> timeout) {
  Result<Fd> socket = connect_monitor(run_dir);
  if (!socket && socket.error().code() == Errc::bad_state) return std::optional<int>();
  if (!socket) return std::move(socket).error();
  Result<Answer> waiting = ask(socket->get(), Json::object().set("wait", true));
  if (!waiting && waiting.error().code() == Errc::bad_state) return std::optional<int>();
  if (!waiting) return std::move(waiting).error();
  PacketBuffer buffer;
  std::optional<Packet> packet = TRY(next_packet(socket->get(), buffer, cancel, timeout));
  int32_t code = 0;
  if (!packet || packet->frame != Frame::exit_code || packet->data.size() != sizeof(code)) return std::optional<int>();
  std::memcpy(&code, packet->data.data(), sizeof(code));
  return std::optional<int>(code);
}

}  // namespace ctr::runtime
