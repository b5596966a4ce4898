#include "engine/network/private_network.h"

#include <fcntl.h>
#include <sys/socket.h>

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
    pid_ = process.pid;
    netlink_.emplace(TRY(keep(process.netlink_fd)));
    if (plan_.links) {
      namespace_ = TRY(keep(process.netns_fd));
      links_.emplace(*plan_.links, namespace_.get(), *netlink_);
      TRY(links_->join_all());
    }
    if (wants_uplink()) uplink_.emplace(TRY(Uplink::start(*plan_.uplink, pid_)));
    if (proxy_) TRY(proxy_->start(process.netns_fd, addresses()));
    return uplink_ && plan_.before_root ? bring_up() : ok();
  }

  Result<void> finish(const runtime::CreatedProcess&) override {
    if (!uplink_) TRY(netlink_->set_link_up(TRY(netlink_->link_index("lo"))));
    if (uplink_ && !plan_.before_root) TRY(bring_up());
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
    if (!wants_uplink()) return std::nullopt;
    auto delay = delay_;
    delay_ = std::min(delay_ * 2, k_longest_delay);
    return delay;
  }

  void respawn() override {
    if (proxy_) proxy_->respawn();
    if (uplink_ || !wants_uplink()) return;
    auto uplink = Uplink::start(*plan_.uplink, pid_);
    if (!uplink) return;
    bool works = static_cast<bool>(uplink->wait_ready()) && static_cast<bool>(uplink->configure(*netlink_, source()));
    // One that does not come up is kept: its end is what starts the next try.
    uplink_.emplace(std::move(*uplink));
    if (works) delay_ = k_first_delay;
  }

  Result<void> change(const Json& order, Fd fd) override {
    if (JsonReader(order, "network order").has("publish") || JsonReader(order, "network order").has("unpublish")) {
      return change_ports(order, std::move(fd));
    }
    if (!links_) return Error(Errc::bad_state, "the container runs without a user network, and cannot join one");
    const JsonReader reader(order, "network order");
    if (const auto link = TRY(reader.find_object("connect"))) {
      TRY(links_->connect(TRY(link_plan_from_json(*link))));
    } else if (const auto name = TRY(reader.find_string("disconnect"))) {
      TRY(links_->disconnect(*name));
    } else if (const auto new_name = TRY(reader.find_string("rename"))) {
      return links_->rename(*new_name);
    } else if (reader.has("reload")) {
      TRY(links_->repair());
    } else {
      return Error(Errc::invalid, "an order about networks that is not known");
    }
    TRY(follow_links());
    return proxy_ ? proxy_->move(addresses()) : ok();
  }

  void stop() override {
    // With their sockets: the ports are free from here on.
    proxy_.reset();
    uplink_.reset();
    if (links_) links_->leave_all();
    links_.reset();
  }

 private:
  static Result<Fd> keep(int fd) {
    Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy.valid()) return Error::from_errno("keep the network of the container");
    return copy;
  }

  // {"publish": PublishedPort} with a socket, or {"unpublish": PublishedPort}.
  Result<void> change_ports(const Json& order, Fd fd) {
    const JsonReader reader(order, "network order");
    if (const auto port = TRY(reader.find_object("unpublish"))) {
      return proxy_ ? proxy_->remove(TRY(published_port_from_json(*port))) : ok();
    }
    const auto port = TRY(reader.find_object("publish"));
    if (!port || !fd.valid()) return reader.wrong("publish", "a port, with a socket");
    if (!proxy_) TRY(start_proxy());
    return proxy_->add(TRY(published_port_from_json(*port)), std::move(fd));
  }

  // For a container that was started without one. Its first process is our child and not reaped.
  Result<void> start_proxy() {
    const Fd netns = TRY(open_path("/proc/" + std::to_string(pid_) + "/ns/net", O_RDONLY));
    Proxy proxy({}, {});
    TRY(proxy.start(netns.get(), addresses()));
    TRY(proxy.wait_ready());
    proxy_.emplace(std::move(proxy));
    return ok();
  }

  // Where netproxy reaches the container: in a user network at the address of its first interface.
  ProxyAddresses addresses() const {
    ProxyAddresses found;
    if (links_) {
      for (const auto& state : links_->states()) take_addresses(state, found);
      return found;
    }
    if (!plan_.uplink) return found;
    found.container4 = own_address(k_container_address);
    found.gateway4 = own_address(k_gateway_address);
    if (!plan_.uplink->ipv6) return found;
    found.container6 = own_address(k_container_address6);
    found.gateway6 = own_address(k_gateway_address6);
    return found;
  }

  static void take_addresses(const LinkState& state, ProxyAddresses& found) {
    for (const auto& link : state.addresses) {
      const bool four = link.address.family == AF_INET;
      auto& container = four ? found.container4 : found.container6;
      if (container) continue;
      container = link.address;
      // In a network without a gateway any address will do that nobody else there has.
      const auto stranger = four ? k_gateway_address : k_gateway_address6;
      (four ? found.gateway4 : found.gateway6) = link.gateway.value_or(own_address(stranger));
    }
  }

  static IpAddress own_address(std::string_view text) { return parse_ip_address(text).value_or(IpAddress()); }

  bool wants_uplink() const { return plan_.uplink && (!links_ || links_->leads_out()); }
  std::optional<IpAddress> source() const { return links_ ? links_->source_address() : std::nullopt; }

  Result<void> bring_up() {
    TRY(uplink_->wait_ready());
    return uplink_->configure(*netlink_, source());
  }

  // The way out as the networks are now.
  Result<void> follow_links() {
    if (!wants_uplink()) return uplink_.reset(), ok();
    if (uplink_) return uplink_->configure(*netlink_, source());
    uplink_.emplace(TRY(Uplink::start(*plan_.uplink, pid_)));
    return bring_up();
  }

  NetworkPlan plan_;
  pid_t pid_ = -1;
  Fd namespace_;
  std::optional<Netlink> netlink_;
  std::optional<Links> links_;
  std::optional<Uplink> uplink_;
  std::optional<Proxy> proxy_;
  std::chrono::milliseconds delay_ = k_first_delay;
};

}  // namespace

Json to_json(const NetworkPlan& plan) {
  Json json = Json::object().set("uplink", plan.uplink ? to_json(*plan.uplink) : Json());
  if (plan.links) json.set("links", to_json(*plan.links));
  if (plan.before_root) json.set("before_root", true);
  if (plan.proxy) json.set("proxy", to_json(*plan.proxy));
  return json;
}

Result<NetworkPlan> network_plan_from_json(const JsonReader& reader) {
  NetworkPlan plan;
  if (auto uplink = TRY(reader.find_object("uplink"))) plan.uplink = TRY(uplink_plan_from_json(*uplink));
  if (auto links = TRY(reader.find_object("links"))) plan.links = TRY(links_plan_from_json(*links));
  plan.before_root = TRY(reader.bool_or("before_root", false));
  if (auto proxy = TRY(reader.find_object("proxy"))) plan.proxy = TRY(proxy_plan_from_json(*proxy));
  return plan;
}

std::unique_ptr<runtime::NetworkSetup> make_network_setup(NetworkPlan plan, std::vector<Fd> sockets) {
  return std::make_unique<PrivateNetwork>(std::move(plan), std::move(sockets));
}

}  // namespace ctr::engine::network
