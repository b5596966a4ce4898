// netproxy as its monitor sees it: a process that is started, told what to publish, and started again when it ends.
// The monitor keeps the listening sockets, so that nobody who connects meanwhile is refused.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/channel.h"
#include "base/child.h"
#include "base/fd.h"
#include "base/result.h"
#include "engine/network/membership.h"
#include "engine/network/proxy_plan.h"

namespace ctr::engine::network {

class [[nodiscard]] Proxy {
 public:
  // `sockets` are those of plan.ports, in the same order.
  Proxy(ProxyPlan plan, std::vector<Fd> sockets) : plan_(std::move(plan)), sockets_(std::move(sockets)) {}

  // Starts it for this network namespace, where it makes ready for what start() tells.
  Result<void> start_ahead(int netns);
  // Tells it all that it needs to know; it goes on by itself until wait_ready(). Starts it, unless that has been done.
  Result<void> start(int netns, const ProxyAddresses& addresses);
  // Waits until everything is published. Errors: what netproxy says; timed_out after ten seconds.
  Result<void> wait_ready();

  // The networks whose questions it answers, and whom it asks about other names. Told to one that runs when it changes.
  void serve_names(std::vector<NameService> services) { services_ = std::move(services); }
  void use_servers(std::vector<std::string> servers);
  // The networks, and with them the addresses, are others now. Errors: those of wait_ready().
  Result<void> follow(std::vector<NameService> services, const ProxyAddresses& addresses);

  // Readable when it has ended; -1 when there is none.
  int pidfd() const { return running_ ? running_->process.pidfd() : -1; }
  // It has ended: how long to wait before it is started again.
  std::chrono::milliseconds ended();
  // Starts it again unless it runs: nullopt, or how long to wait before the next try.
  std::optional<std::chrono::milliseconds> respawn();
  void stop() { running_.reset(); }

  // While it runs. Errors: those of wait_ready().
  Result<void> add(const PublishedPort& port, Fd socket);
  Result<void> remove(const PublishedPort& port);

 private:
  struct Running {
    Child process;
    Channel control;
  };
  Result<void> launch();
  void send_all();
  Result<void> send_ports();
  Result<void> send_names();
  Result<void> send_servers();
  Result<void> send_service(const NameService& service);

  ProxyPlan plan_;
  std::vector<Fd> sockets_;
  Fd netns_;
  ProxyAddresses addresses_;
  std::vector<NameService> services_;
  std::vector<std::string> servers_;
  std::optional<Running> running_;
  std::chrono::milliseconds delay_{0};
};

}  // namespace ctr::engine::network
