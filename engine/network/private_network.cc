#include "engine/network/private_network.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "engine/network/host_names.h"
#include "engine/network/host_resolver.h"
#include "engine/network/proxy.h"
#include "runtime/network_namespace.h"

namespace ctr::engine::network {
namespace {

// An uplink that dies is started again after so long, doubled each time up to the second figure.
constexpr std::chrono::milliseconds k_first_delay{100};
constexpr std::chrono::milliseconds k_longest_delay{5000};
constexpr const char* k_resolv_conf = "/etc/resolv.conf";

class PrivateNetwork final : public runtime::NetworkSetup {
 public:
  using Delay = std::optional<std::chrono::milliseconds>;

  PrivateNetwork(NetworkPlan plan, std::vector<Fd> sockets, RestartNotice notice)
      : plan_(std::move(plan)), notice_(std::move(notice)) {
    if (plan_.proxy) proxy_.emplace(*plan_.proxy, std::move(sockets));
  }

  Result<void> configure(const runtime::CreatedProcess& process) override {
    pid_ = process.pid;
    netlink_.emplace(TRY(keep(process.netlink_fd)));
    namespace_ = TRY(keep(process.netns_fd));
    set_values();
    if (plan_.links) links_.emplace(*plan_.links, namespace_.get(), *netlink_);
    // It gets ready while the networks are joined.
    if (wants_uplink()) TRY(begin_uplink());
    if (!plan_.before_mounts) return ok();
    TRY(join_networks());
    return uplink_ ? bring_up() : ok();
  }

  Result<void> connect(const runtime::CreatedProcess&) override { return plan_.before_mounts ? ok() : join_networks(); }

  Result<void> finish(const runtime::CreatedProcess&) override {
    if (!uplink_) TRY(netlink_->set_link_up(TRY(netlink_->link_index("lo"))));
    if (uplink_ && !plan_.before_mounts) TRY(bring_up());
    // Nobody of the container's may find it.
    anchor_.reset();
    return proxy_ && proxy_->pidfd() >= 0 ? proxy_->wait_ready() : ok();
  }

  std::vector<int> children() const override {
    std::vector<int> pidfds;
    if (uplink_) pidfds.push_back(uplink_->child().pidfd());
    if (proxy_ && proxy_->pidfd() >= 0) pidfds.push_back(proxy_->pidfd());
    return pidfds;
  }

  Delay child_ended(int pidfd) override {
    if (proxy_ && proxy_->pidfd() == pidfd) {
      tell("netproxy");
      return proxy_->ended();
    }
    uplink_.reset();
    if (!wants_uplink()) return std::nullopt;
    tell(plan_.uplink->kind == UplinkKind::pasta ? "pasta" : "slirp4netns");
    return next_delay();
  }

  Delay respawn() override {
    const auto proxy = proxy_ ? proxy_->respawn() : Delay();
    const auto uplink = !uplink_ && wants_uplink() ? respawn_uplink() : Delay();
    return proxy && uplink ? std::min(*proxy, *uplink) : proxy ? proxy : uplink;
  }

  std::vector<int> sources() const override {
    std::vector<int> fds;
    if (host_ && host_->fd() >= 0) fds.push_back(host_->fd());
    if (host_names_ && host_names_->fd() >= 0) fds.push_back(host_names_->fd());
    return fds;
  }

  // The host has other routes, or other name servers.
  Delay on_source(int fd) override {
    if (host_names_ && host_names_->fd() == fd) {
      host_names_->look();
      return std::nullopt;
    }
    const auto former = host_->servers();
    if (!host_->look()) return std::nullopt;
    if (proxy_) proxy_->use_servers(host_->servers());
    const auto& now = host_->servers();
    const bool other_first = former.empty() != now.empty() || (!now.empty() && former.front() != now.front());
    // pasta knows the server that was the first when it was started.
    if (!other_first || !uplink_ || plan_.uplink->kind != UplinkKind::pasta) return std::nullopt;
    uplink_.reset();
    return respawn_uplink();
  }

  // {"publish": PublishedPort} with a socket, {"unpublish": PublishedPort}, {"connect": LinkPlan},
  // {"disconnect": NAME}, {"rename": NAME} or {"reload": true}.
  Result<void> change(const Json& change, Fd fd) override {
    const JsonReader reader(change, "change");
    if (const auto port = TRY(reader.find_object("unpublish"))) {
      return proxy_ ? proxy_->remove(TRY(published_port_from_json(*port))) : ok();
    }
    if (const auto port = TRY(reader.find_object("publish"))) {
      if (!fd.valid()) return reader.wrong("publish", "a port, with a socket");
      TRY(require_proxy());
      return proxy_->add(TRY(published_port_from_json(*port)), std::move(fd));
    }
    return change_links(reader);
  }

  void stop() override {
    if (proxy_) proxy_->stop();
    proxy_.reset();
    anchor_.reset();
    // Its interface takes the kernel a while; nobody has to wait for that.
    if (uplink_) uplink_->end();
    if (links_) links_->leave_all();
    links_.reset();
    netlink_.reset();
    namespace_.reset();
  }

 private:
  using Value = std::pair<std::string, std::string>;
  using Values = std::vector<Value>;

  static Result<Fd> keep(int fd) {
    Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy.valid()) return Error::from_errno("keep the network of the container");
    return copy;
  }

  Result<void> join_networks() {
    // It gets ready while the networks are joined.
    if (proxy_ && will_have_work(*plan_.proxy)) TRY(proxy_->start_ahead(namespace_.get()));
    if (links_) TRY(links_->join_all());
    follow_host();
    if (!plan_.hosts_file.empty()) host_names_.emplace(plan_.hosts_file);
    return proxy_ && has_work(*plan_.proxy) ? start_proxy() : ok();
  }

  void tell(std::string_view helper) const {
    if (notice_) notice_(helper);
  }

  // Before there are interfaces, which begin with what is the default then.
  void set_values() const {
    Values values;
    const bool pasta = plan_.uplink && plan_.uplink->kind == UplinkKind::pasta;
    // pasta loses what a connection sends at once and it has no room for, and waits for that to be sent again.
    if (pasta) values.emplace_back("net.ipv4.tcp_wmem", "4096 16384 524288");
    const auto& links = plan_.links ? plan_.links->links : std::vector<LinkPlan>();
    const bool ipv6 = std::any_of(links.begin(), links.end(), has_ipv6);
    if (ipv6 || (plan_.uplink && plan_.uplink->ipv6)) values.push_back(no_announcements());
    set(values);
  }
  void set(const Values& values) const {
    if (values.empty()) return;
    runtime::set_network_values(namespace_, values)
        .ignore("where /proc/sys cannot be written to, networks work all the same");
  }
  // Addresses and routes are those that are set here, not what somebody on the link announces.
  static Value no_announcements() { return {"net.ipv6.conf.default.accept_ra", "0"}; }
  static bool has_ipv6(const LinkPlan& link) {
    const auto& subnets = link.network.subnets;
    return std::any_of(subnets.begin(), subnets.end(),
                       [](const auto& subnet) { return subnet.subnet.base.family == AF_INET6; });
  }

  bool wants_uplink() const { return plan_.uplink && (!links_ || links_->leads_out()); }
  std::optional<IpAddress> source() const { return links_ ? links_->source_address() : std::nullopt; }
  std::vector<NameService> name_services() const {
    return links_ ? links_->name_services() : std::vector<NameService>();
  }
  // Before the networks are joined.
  bool will_have_work(const ProxyPlan& plan) const {
    const auto answers = [](const LinkPlan& link) { return link.network.names_address().has_value(); };
    return !plan.ports.empty() ||
           (plan_.links && std::any_of(plan_.links->links.begin(), plan_.links->links.end(), answers));
  }
  bool has_work(const ProxyPlan& plan) const { return !plan.ports.empty() || !name_services().empty(); }

  // Who has to know the host's name servers is told when they change.
  void follow_host() {
    if (host_) return;
    if (!name_services().empty() || (uplink_ && plan_.uplink->kind == UplinkKind::pasta)) host_.emplace(k_resolv_conf);
  }

  Result<void> start_proxy() {
    proxy_->serve_names(name_services());
    if (host_) proxy_->use_servers(host_->servers());
    return proxy_->start(namespace_.get(), proxy_addresses());
  }

  // For a container that was started without one.
  Result<void> require_proxy() {
    if (!plan_.proxy) plan_.proxy.emplace();
    if (!proxy_) proxy_.emplace(*plan_.proxy, std::vector<Fd>());
    if (proxy_->pidfd() >= 0) return ok();
    TRY(start_proxy());
    return proxy_->wait_ready();
  }

  Result<void> change_links(const JsonReader& reader) {
    if (!links_ && reader.has("reload")) return follow_links();
    if (!links_) return Error(Errc::bad_state, "the container runs without a user network, and cannot join one");
    if (const auto link = TRY(reader.find_object("connect"))) return connect(TRY(link_plan_from_json(*link)));
    if (const auto name = TRY(reader.find_string("disconnect"))) {
      TRY(links_->disconnect(*name));
    } else if (const auto new_name = TRY(reader.find_string("rename"))) {
      return links_->rename(*new_name);
    } else if (reader.has("reload")) {
      TRY(links_->repair());
    } else {
      return Error(Errc::invalid, "an order about networks that is not known");
    }
    return follow_networks();
  }

  // As a whole or not at all: what a user has been refused is not there.
  Result<void> connect(LinkPlan plan) {
    const std::string name = plan.network.name;
    if (has_ipv6(plan)) set({no_announcements()});
    TRY(links_->connect(std::move(plan)));
    auto followed = follow_networks();
    if (followed) return followed;
    links_->disconnect(name).ignore("the error that came first is told");
    follow_networks().ignore("the error that came first is told");
    return followed;
  }

  Result<void> follow_networks() {
    TRY(follow_links());
    follow_host();
    if (!name_services().empty()) TRY(require_proxy());
    return proxy_ && proxy_->pidfd() >= 0 ? proxy_->follow(name_services(), proxy_addresses()) : ok();
  }

  // At the container's start.
  Result<void> begin_uplink() {
    const bool is_slirp = plan_.uplink->kind == UplinkKind::slirp4netns;
    if (plan_.sight != Sight::until_root || !is_slirp) {
      uplink_.emplace(TRY(start_uplink()));
      // pasta ends with the process that it has been told.
      return plan_.sight == Sight::until_root ? uplink_->wait_ready(*netlink_) : ok();
    }
    const auto start = [&](pid_t pid) -> Result<void> {
      uplink_.emplace(TRY(Uplink::start(*plan_.uplink, pid)));
      return ok();
    };
    anchor_.emplace(TRY(runtime::launch_anchor(namespace_, start, runtime::Shown::until_it_ends)));
    return ok();
  }

  Result<Uplink> start_uplink() {
    if (plan_.sight != Sight::hidden) return Uplink::start(*plan_.uplink, pid_);
    return Uplink::start_in(*plan_.uplink, namespace_, *netlink_);
  }

  std::chrono::milliseconds next_delay() { return std::exchange(delay_, std::min(delay_ * 2, k_longest_delay)); }

  // Its program may be missing for a while, as in the middle of an upgrade.
  Delay respawn_uplink() {
    auto uplink = start_uplink();
    if (!uplink) return next_delay();
    bool works = uplink->wait_ready(*netlink_) && uplink->configure(*netlink_, source());
    // One that does not come up is kept: its end is what starts the next try.
    uplink_.emplace(std::move(*uplink));
    if (works) delay_ = k_first_delay;
    return std::nullopt;
  }

  // Where netproxy finds the container, and as whom clients appear that it cannot see.
  ProxyAddresses proxy_addresses() const {
    if (links_) return link_addresses();
    ProxyAddresses addresses;
    if (!plan_.uplink) return addresses;
    const auto inside = uplink_addresses(plan_.uplink->options);
    addresses.container4 = own_address(inside.container);
    addresses.gateway4 = own_address(inside.gateway);
    if (!plan_.uplink->ipv6) return addresses;
    addresses.container6 = own_address(k_container_address6);
    addresses.gateway6 = own_address(k_gateway_address6);
    return addresses;
  }

  ProxyAddresses link_addresses() const {
    ProxyAddresses addresses;
    for (const auto& state : links_->states()) {
      for (const auto& entry : state.addresses) {
        const bool ipv4 = entry.address.family == AF_INET;
        auto& own = ipv4 ? addresses.container4 : addresses.container6;
        if (own) continue;
        own = entry.address;
        // In a network without a gateway any address will do that nobody else there has.
        const auto stranger = ipv4 ? k_gateway_address : k_gateway_address6;
        (ipv4 ? addresses.gateway4 : addresses.gateway6) = entry.gateway.value_or(own_address(stranger));
      }
    }
    return addresses;
  }

  static IpAddress own_address(std::string_view text) { return parse_ip_address(text).value_or(IpAddress()); }

  Result<void> bring_up() {
    TRY(uplink_->wait_ready(*netlink_));
    return uplink_->configure(*netlink_, source());
  }

  // The way out as the networks are now.
  Result<void> follow_links() {
    if (!wants_uplink()) return uplink_.reset(), ok();
    if (uplink_ && uplink_->configure(*netlink_, source())) return ok();
    // The container may have removed the interface, which the program does not notice.
    uplink_.reset();
    uplink_.emplace(TRY(start_uplink()));
    return bring_up();
  }

  NetworkPlan plan_;
  RestartNotice notice_;
  pid_t pid_ = -1;
  Fd namespace_;
  std::optional<Netlink> netlink_;
  std::optional<Links> links_;
  std::optional<Uplink> uplink_;
  std::optional<Child> anchor_;  // whom the uplink is told while the container starts
  std::optional<HostResolver> host_;
  std::optional<HostNames> host_names_;
  std::optional<Proxy> proxy_;
  std::chrono::milliseconds delay_ = k_first_delay;
};

}  // namespace

Json to_json(const NetworkPlan& plan) {
  Json json = Json::object().set("uplink", plan.uplink ? to_json(*plan.uplink) : Json());
  if (plan.links) json.set("links", to_json(*plan.links));
  if (plan.before_mounts) json.set("before_mounts", true);
  if (plan.sight != Sight::shown) json.set("sight", plan.sight == Sight::hidden ? "hidden" : "until_root");
  if (plan.proxy) json.set("proxy", to_json(*plan.proxy));
  if (!plan.hosts_file.empty()) json.set("hosts_file", plan.hosts_file);
  return json;
}

Result<NetworkPlan> network_plan_from_json(const JsonReader& reader) {
  NetworkPlan plan;
  if (auto uplink = TRY(reader.find_object("uplink"))) plan.uplink = TRY(uplink_plan_from_json(*uplink));
  if (auto links = TRY(reader.find_object("links"))) plan.links = TRY(links_plan_from_json(*links));
  plan.before_mounts = TRY(reader.bool_or("before_mounts", false));
  const auto sight = TRY(reader.string_or("sight", ""));
  if (!sight.empty()) plan.sight = sight == "hidden" ? Sight::hidden : Sight::until_root;
  if (auto proxy = TRY(reader.find_object("proxy"))) plan.proxy = TRY(proxy_plan_from_json(*proxy));
  plan.hosts_file = TRY(reader.string_or("hosts_file", ""));
  return plan;
}

std::unique_ptr<runtime::NetworkSetup> make_network_setup(NetworkPlan plan, std::vector<Fd> sockets,
                                                          RestartNotice notice) {
  return std::make_unique<PrivateNetwork>(std::move(plan), std::move(sockets), std::move(notice));
}

}  // namespace ctr::engine::network
