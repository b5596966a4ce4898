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
    int copy = ::fcntl(process.netlink_fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return Error::from_errno("keep the network socket of the container");
    netlink_.emplace(Fd(copy));
    pid_ = process.pid;
    if (plan_.uplink) uplink_.emplace(TRY(Uplink::start(*plan_.uplink, pid_)));
    return plan_.uplink && plan_.before_root ? bring_up() : ok();
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
    auto delay = delay_;
    delay_ = std::min(delay_ * 2, k_longest_delay);
    return delay;
  }

  void move_to(pid_t pid) override { pid_ = pid; }

  void respawn() override {
    auto uplink = Uplink::start(*plan_.uplink, pid_);
    if (!uplink) return;
    bool works = static_cast<bool>(uplink->wait_ready()) && static_cast<bool>(uplink->configure(*netlink_));
    // One that does not come up is kept: its end is what starts the next try.
    uplink_.emplace(std::move(*uplink));
    if (works) delay_ = k_first_delay;
  }

  void stop() override { uplink_.reset(); }

 private:
  Result<void> bring_up() {
    TRY(uplink_->wait_ready());
    return uplink_->configure(*netlink_);
  }

  NetworkPlan plan_;
  pid_t pid_ = -1;
  std::optional<Netlink> netlink_;
  std::optional<Uplink> uplink_;
  std::chrono::milliseconds delay_ = k_first_delay;
};

}  // namespace

Json to_json(const NetworkPlan& plan) {
  Json json = Json::object().set("uplink", plan.uplink ? to_json(*plan.uplink) : Json());
  if (plan.before_root) json.set("before_root", true);
  return json;
}

Result<NetworkPlan> network_plan_from_json(const JsonReader& reader) {
  NetworkPlan plan;
  if (auto uplink = TRY(reader.find_object("uplink"))) plan.uplink = TRY(uplink_plan_from_json(*uplink));
  plan.before_root = TRY(reader.bool_or("before_root", false));
  return plan;
}

std::unique_ptr<runtime::NetworkSetup> make_network_setup(NetworkPlan plan) {
  return std::make_unique<PrivateNetwork>(std::move(plan));
}

}  // namespace ctr::engine::network
