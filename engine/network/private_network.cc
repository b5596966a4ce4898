#include "engine/network/private_network.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "engine/network/proxy.h"

namespace ctr::engine::network {
namespace {

// An uplink that dies is started again after so long, doubled each time up to the second figure.
constexpr std::chrono::milliseconds k_first_delay{100};
constexpr std::chrono::milliseconds k_longest_delay{5000};

class PrivateNetwork final : public runtime::NetworkSetup {
 public:
  PrivateNetwork(NetworkPlan plan, std::vector<Fd> sockets) : plan_(std::move(plan)) {
    if (plan_.proxy) proxy_.emplace(*plan_.proxy, std::move(sockets));
  }

  Result<void> configure(const runtime::CreatedProcess& process) override {
    int copy = ::fcntl(process.netlink_fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return Error::from_errno("keep the network socket of the container");
    netlink_.emplace(Fd(copy));
    pid_ = process.pid;
    if (plan_.uplink) uplink_.emplace(TRY(Uplink::start(*plan_.uplink, pid_)));
    if (proxy_) TRY(proxy_->start(process.netns_fd, private_addresses()));
    return plan_.uplink && plan_.before_root ? bring_up() : ok();
  }

  Result<void> finish(const runtime::CreatedProcess&) override {
    if (!uplink_) return netlink_->set_link_up(TRY(netlink_->link_index("lo")));
    if (!plan_.before_root) TRY(bring_up());
    return proxy_ ? proxy_->wait_ready() : ok();
  }

  std::vector<int> children() const override {
    std::vector<int> pidfds;
    if (uplink_) pidfds.push_back(uplink_->child().pidfd());
    if (proxy_ && proxy_->pidfd() >= 0) pidfds.push_back(proxy_->pidfd());
    return pidfds;
  }

  std::optional<std::chrono::milliseconds> child_ended(int pidfd) override {
    if (proxy_ && proxy_->pidfd() == pidfd) return proxy_->ended();
    uplink_.reset();
    auto delay = delay_;
    delay_ = std::min(delay_ * 2, k_longest_delay);
    return delay;
  }

  void respawn() override {
    if (proxy_) proxy_->respawn();
    if (plan_.uplink && !uplink_) respawn_uplink();
  }

  // {"publish": PublishedPort} with a socket, or {"unpublish": PublishedPort}.
  Result<void> change(const Json& change, Fd fd) override {
    const JsonReader reader(change, "change");
    if (const auto port = TRY(reader.find_object("unpublish"))) {
      return proxy_ ? proxy_->remove(TRY(published_port_from_json(*port))) : ok();
    }
    const auto port = TRY(reader.find_object("publish"));
    if (!port || !fd.valid()) return reader.wrong("publish", "a port, with a socket");
    if (!proxy_) TRY(start_proxy());
    return proxy_->add(TRY(published_port_from_json(*port)), std::move(fd));
  }

  void stop() override {
    if (proxy_) proxy_->stop();
    proxy_.reset();
    uplink_.reset();
  }

 private:
  // For a container that was started without one. Its first process is our child and not reaped.
  Result<void> start_proxy() {
    const Fd netns = TRY(open_path("/proc/" + std::to_string(pid_) + "/ns/net", O_RDONLY));
    Proxy proxy({}, {});
    TRY(proxy.start(netns.get(), private_addresses()));
    TRY(proxy.wait_ready());
    proxy_.emplace(std::move(proxy));
    return ok();
  }

  void respawn_uplink() {
    auto uplink = Uplink::start(*plan_.uplink, pid_);
    if (!uplink) return;
    bool works = static_cast<bool>(uplink->wait_ready()) && static_cast<bool>(uplink->configure(*netlink_));
    // One that does not come up is kept: its end is what starts the next try.
    uplink_.emplace(std::move(*uplink));
    if (works) delay_ = k_first_delay;
  }

  // What a private network looks like from inside.
  ProxyAddresses private_addresses() const {
    ProxyAddresses addresses;
    if (!plan_.uplink) return addresses;
    addresses.container4 = own_address(k_container_address);
    addresses.gateway4 = own_address(k_gateway_address);
    if (!plan_.uplink->ipv6) return addresses;
    addresses.container6 = own_address(k_container_address6);
    addresses.gateway6 = own_address(k_gateway_address6);
    return addresses;
  }

  static IpAddress own_address(std::string_view text) { return parse_ip_address(text).value_or(IpAddress()); }

  Result<void> bring_up() {
    TRY(uplink_->wait_ready());
    return uplink_->configure(*netlink_);
  }

  NetworkPlan plan_;
  pid_t pid_ = -1;
  std::optional<Netlink> netlink_;
  std::optional<Uplink> uplink_;
  std::optional<Proxy> proxy_;
  std::chrono::milliseconds delay_ = k_first_delay;
};

}  // namespace

Json to_json(const NetworkPlan& plan) {
  Json json = Json::object().set("uplink", plan.uplink ? to_json(*plan.uplink) : Json());
  if (plan.before_root) json.set("before_root", true);
  if (plan.proxy) json.set("proxy", to_json(*plan.proxy));
  return json;
}

Result<NetworkPlan> network_plan_from_json(const JsonReader& reader) {
  NetworkPlan plan;
  if (auto uplink = TRY(reader.find_object("uplink"))) plan.uplink = TRY(uplink_plan_from_json(*uplink));
  plan.before_root = TRY(reader.bool_or("before_root", false));
  if (auto proxy = TRY(reader.find_object("proxy"))) plan.proxy = TRY(proxy_plan_from_json(*proxy));
  return plan;
}

std::unique_ptr<runtime::NetworkSetup> make_network_setup(NetworkPlan plan, std::vector<Fd> sockets) {
  return std::make_unique<PrivateNetwork>(std::move(plan), std::move(sockets));
}

}  // namespace ctr::engine::network
