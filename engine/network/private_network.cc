#include "engine/network/private_network.h"

#include <fcntl.h>

#include <algorithm>

namespace ctr::engine::network {
namespace {

// An uplink that dies is started again after so long, doubled each time up to the second figure.
constexpr std::chrono::milliseconds k_first_delay{100};
constexpr std::chrono::milliseconds k_longest_delay{5000};

class PrivateNetwork final : public runtime::NetworkSetup {
 public:
  explicit PrivateNetwork(NetworkPlan plan) : plan_(std::move(plan)) {}

  Result<void> configure(const runtime::CreatedProcess& process) override {
    pid_ = process.pid;
    netlink_.emplace(TRY(keep(process.netlink_fd)));
    if (plan_.links) {
      namespace_ = TRY(keep(process.netns_fd));
      links_.emplace(*plan_.links, namespace_.get(), *netlink_);
      TRY(links_->join_all());
    }
    if (wants_uplink()) uplink_.emplace(TRY(Uplink::start(*plan_.uplink, pid_)));
    return uplink_ && plan_.before_root ? bring_up() : ok();
  }

  Result<void> finish(const runtime::CreatedProcess&) override {
    if (!uplink_) return netlink_->set_link_up(TRY(netlink_->link_index("lo")));
    return plan_.before_root ? ok() : bring_up();
  }

  std::vector<int> children() const override {
    if (!uplink_) return {};
    return {uplink_->child().pidfd()};
  }

  std::optional<std::chrono::milliseconds> child_ended(int) override {
    uplink_.reset();
    if (!wants_uplink()) return std::nullopt;
    auto delay = delay_;
    delay_ = std::min(delay_ * 2, k_longest_delay);
    return delay;
  }

  void respawn() override {
    if (uplink_ || !wants_uplink()) return;
    auto uplink = Uplink::start(*plan_.uplink, pid_);
    if (!uplink) return;
    bool works = static_cast<bool>(uplink->wait_ready()) && static_cast<bool>(uplink->configure(*netlink_, source()));
    // One that does not come up is kept: its end is what starts the next try.
    uplink_.emplace(std::move(*uplink));
    if (works) delay_ = k_first_delay;
  }

  Result<void> change(const Json& order) override {
    if (!links_) return Error(Errc::bad_state, "the container runs without a user network, and cannot join one");
    const JsonReader reader(order, "network order");
    if (const auto link = TRY(reader.find_object("connect"))) {
      TRY(links_->connect(TRY(link_plan_from_json(*link))));
    } else if (const auto name = TRY(reader.find_string("disconnect"))) {
      TRY(links_->disconnect(*name));
    } else if (reader.has("reload")) {
      TRY(links_->repair());
    } else {
      return Error(Errc::invalid, "an order about networks that is not known");
    }
    return follow_links();
  }

  void stop() override {
    uplink_.reset();
    if (links_) links_->leave_all();
  }

 private:
  static Result<Fd> keep(int fd) {
    Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy.valid()) return Error::from_errno("keep the network of the container");
    return copy;
  }

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
  std::chrono::milliseconds delay_ = k_first_delay;
};

}  // namespace

Json to_json(const NetworkPlan& plan) {
  Json json = Json::object().set("uplink", plan.uplink ? to_json(*plan.uplink) : Json());
  if (plan.links) json.set("links", to_json(*plan.links));
  if (plan.before_root) json.set("before_root", true);
  return json;
}

Result<NetworkPlan> network_plan_from_json(const JsonReader& reader) {
  NetworkPlan plan;
  if (auto uplink = TRY(reader.find_object("uplink"))) plan.uplink = TRY(uplink_plan_from_json(*uplink));
  if (auto links = TRY(reader.find_object("links"))) plan.links = TRY(links_plan_from_json(*links));
  plan.before_root = TRY(reader.bool_or("before_root", false));
  return plan;
}

std::unique_ptr<runtime::NetworkSetup> make_network_setup(NetworkPlan plan) {
  return std::make_unique<PrivateNetwork>(std::move(plan));
}

}  // namespace ctr::engine::network
