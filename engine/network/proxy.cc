#include "engine/network/proxy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "engine/network/proxy/part.h"
#include "engine/network/proxy/publisher.h"
#include "engine/network/proxy/resolver.h"

namespace ctr::engine::network {
namespace {

// One that ends is started again after so long, doubled each time it does not come up.
constexpr std::chrono::milliseconds k_first_delay{100};
constexpr std::chrono::milliseconds k_longest_delay{5000};
constexpr std::chrono::seconds k_ready_time{10};

Json message_to(const char* part) { return Json::object().set("to", part); }

Json list_of(const PublishedPort& port) {
  Json list = Json::array();
  list.push(to_json(port));
  return list;
}

}  // namespace

Result<void> Proxy::start_ahead(int netns) {
  if (sockets_.size() != plan_.ports.size()) return Error(Errc::internal, "ports and their sockets differ in number");
  const int copy = ::fcntl(netns, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return Error::from_errno("keep the network namespace of the container");
  netns_ = Fd(copy);
  // It shuts itself into this one, which the first network that is joined makes otherwise.
  if (plan_.resolver) (void)TRY(Dir::open_or_make(plan_.resolver->net_dir, 0700));
  return launch();
}

Result<void> Proxy::start(int netns, const ProxyAddresses& addresses) {
  if (!running_) TRY(start_ahead(netns));
  addresses_ = addresses;
  send_all();
  return ok();
}

Result<void> Proxy::launch() {
  auto pair = TRY(make_socket_pair());
  SpawnOptions options;
  options.program = "/proc/self/exe";
  options.argv = {"ctr", std::string(k_proxy_verb)};
  options.env = {};
  options.fds = {{pair.theirs.get(), k_proxy_control}};
  options.cwd = "/";
  running_.emplace(Running{TRY(spawn(options).context("start netproxy")), Channel(std::move(pair.ours))});
  Json begin = Json::object().set("monitor", int64_t{::getpid()});
  if (plan_.resolver) {
    Json names = Json::object().set("root", plan_.resolver->net_dir);
    if (!plan_.resolver->host_address.empty()) names.set("host_address", plan_.resolver->host_address);
    begin.set(k_names_part, std::move(names));
  }
  running_->control.send(begin, {netns_.get()}).ignore("wait_ready() hears why it has ended");
  return ok();
}

void Proxy::send_all() {
  auto told = running_->control.send(message_to("proxy").set("addresses", to_json(addresses_)));
  if (told) told = send_names();
  if (told) told = send_ports();
  told.ignore("wait_ready() hears why it has ended");
}

Result<void> Proxy::send_names() {
  if (plan_.resolver) TRY(send_servers());
  for (const auto& service : services_) TRY(send_service(service));
  return ok();
}

Result<void> Proxy::send_servers() {
  return running_->control.send(message_to(k_names_part).set("servers", Json::strings(servers_)));
}

Result<void> Proxy::send_service(const NameService& service) {
  // Done again for one that is started again, which changes nothing.
  if (::listen(service.tcp, SOMAXCONN) < 0) return Error::from_errno("listen for questions about names");
  return running_->control.send(message_to(k_names_part).set("join", service.network), {service.udp, service.tcp});
}

void Proxy::use_servers(std::vector<std::string> servers) {
  servers_.clear();
  for (auto& server : servers) {
    const auto scoped = split_once(server, '%');
    if (!scoped) {
      servers_.push_back(std::move(server));
      continue;
    }
    // The host's interfaces have these names, and netproxy does not see them.
    const auto index = ::if_nametoindex(scoped->second.c_str());
    if (index != 0) servers_.push_back(fmt::format("{}%{}", scoped->first, index));
  }
  if (running_ && plan_.resolver) send_servers().ignore("one that has ended learns of it when it is started again");
}

Result<void> Proxy::follow(std::vector<NameService> services, const ProxyAddresses& addresses) {
  const auto former = std::exchange(services_, std::move(services));
  addresses_ = addresses;
  if (!running_) return ok();
  const auto has = [](const std::vector<NameService>& list, const std::string& network) {
    return std::any_of(list.begin(), list.end(), [&](const auto& service) { return service.network == network; });
  };
  for (const auto& service : former) {
    if (has(services_, service.network)) continue;
    TRY(running_->control.send(message_to(k_names_part).set("leave", service.network)));
  }
  for (const auto& service : services_) {
    if (!has(former, service.network)) TRY(send_service(service));
  }
  TRY(running_->control.send(message_to("proxy").set("addresses", to_json(addresses_)).set("answer", true)));
  return wait_ready();
}

Result<void> Proxy::send_ports() {
  for (size_t first = 0; first < plan_.ports.size(); first += k_proxy_message_fds) {
    const size_t end = std::min(first + k_proxy_message_fds, plan_.ports.size());
    Json ports = Json::array();
    std::vector<int> sockets;
    for (size_t i = first; i < end; ++i) {
      ports.push(to_json(plan_.ports[i]));
      sockets.push_back(sockets_[i].get());
    }
    TRY(running_->control.send(message_to(k_publish_part).set("ports", std::move(ports)), sockets));
  }
  return running_->control.send(message_to("proxy").set("answer", true));
}

Result<void> Proxy::wait_ready() {
  if (!running_) return Error(Errc::bad_state, "netproxy does not run at the moment");
  auto message = TRY(running_->control.receive({}, k_ready_time).context("wait for netproxy"));
  // unix(7): that the peer has left packets unread is told before what it has said last.
  if (!message) message = TRY(running_->control.receive({}, k_ready_time).context("wait for netproxy"));
  if (!message) return Error(Errc::network, "netproxy ended without a word");
  if (const Json* error = message->body.find("error")) return error_from_json(*error).context("publish ports");
  return ok();
}

std::chrono::milliseconds Proxy::ended() {
  running_.reset();
  const auto delay = std::max(delay_, k_first_delay);
  delay_ = std::min(delay * 2, k_longest_delay);
  return delay;
}

std::optional<std::chrono::milliseconds> Proxy::respawn() {
  if (running_ || !netns_.valid()) return std::nullopt;
  if (!launch()) return ended();
  send_all();
  // One that does not come up is kept: its end is what starts the next try.
  if (wait_ready()) delay_ = k_first_delay;
  return std::nullopt;
}

Result<void> Proxy::add(const PublishedPort& port, Fd socket) {
  if (!running_) return Error(Errc::bad_state, "netproxy does not run at the moment");
  TRY(running_->control.send(message_to(k_publish_part).set("ports", list_of(port)), {socket.get()}));
  TRY(running_->control.send(message_to("proxy").set("answer", true)));
  TRY(wait_ready());
  plan_.ports.push_back(port);
  sockets_.push_back(std::move(socket));
  return ok();
}

Result<void> Proxy::remove(const PublishedPort& port) {
  const auto found = std::find(plan_.ports.begin(), plan_.ports.end(), port);
  if (found == plan_.ports.end()) return Error(Errc::not_found, "this port is not published");
  sockets_.erase(sockets_.begin() + (found - plan_.ports.begin()));
  plan_.ports.erase(found);
  // One that does not run learns of the change when it is started.
  if (!running_) return ok();
  TRY(running_->control.send(message_to(k_publish_part).set("remove", list_of(port))));
  TRY(running_->control.send(message_to("proxy").set("answer", true)));
  return wait_ready();
}

}  // namespace ctr::engine::network
