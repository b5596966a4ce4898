// The way out of a container's own network namespace: a user-mode TCP/IP stack, one process for each namespace.
//
// slirp4netns(1) starts faster and smaller than pasta(1) and works on a host that has nothing but loopback; pasta is
// taken when it is asked for, or when slirp4netns is not installed and pasta is recent enough.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "engine/network/netlink.h"
#include "engine/network/uplink_options.h"
#include "engine/spec.h"
#include "runtime/host_facts.h"

namespace ctr::engine::network {

enum class UplinkKind { slirp4netns, pasta };

// Decided before anything is created; crosses to the monitor in its plan.
struct UplinkPlan {
  UplinkKind kind = UplinkKind::slirp4netns;
  std::string program;  // absolute path
  bool ipv6 = false;    // asked for, or the host has an IPv6 default route
  UplinkOptions options;
  std::string interface_name = "eth0";
  bool operator==(const UplinkPlan&) const = default;
};
Json to_json(const UplinkPlan& plan);
Result<UplinkPlan> uplink_plan_from_json(const JsonReader& reader);

// Chooses the program.
//
// Errors: unsupported when neither program can be used, with the package to install; permission when /dev/net/tun
// cannot be opened.
Result<UplinkPlan> plan_uplink(const NetworkChoice& choice, const runtime::HostFacts& host);

// What a private network looks like from inside, whichever program serves it, unless it was asked for in another way.
// Source: slirp4netns(1), "DESCRIPTION".
inline constexpr std::string_view k_container_address = "10.0.2.100";
inline constexpr std::string_view k_gateway_address = "10.0.2.2";
inline constexpr std::string_view k_resolver_address = "10.0.2.3";
// Of the uplink where user networks have the names eth0, eth1, …
inline constexpr std::string_view k_uplink_interface = "uplink0";
// With IPv6. pasta is asked for the same, and its gateway answers to this address, too.
inline constexpr std::string_view k_container_address6 = "fd00::100";
inline constexpr std::string_view k_gateway_address6 = "fd00::2";

// A running uplink. The program dies with this object: it is killed and waited for.
class [[nodiscard]] Uplink {
 public:
  // Starts the program for the network namespace of `pid`; it goes on by itself until wait_ready().
  static Result<Uplink> start(const UplinkPlan& plan, pid_t pid);
  // The same for a network namespace in which there may be no process that can be looked at. It is ready when this
  // returns.
  static Result<Uplink> start_in(const UplinkPlan& plan, const Fd& network, Netlink& netlink);
  // Waits until the interface exists, `netlink` is of its namespace. Errors: the program's last words when it ends,
  // timed_out after 10 s.
  Result<void> wait_ready(Netlink& netlink);
  // Addresses and routes of the interface and loopback, through a NETLINK_ROUTE socket of the namespace. With `source`,
  // an address of another interface, the uplink has no IPv4 address of its own: what goes out has that one, and the
  // container has one address only that others can reach. Takes the place of what there is.
  Result<void> configure(Netlink& netlink, const std::optional<IpAddress>& source = {}) const;

  // Ends the program without waiting for it.
  void end() const { child_.signal(SIGKILL).ignore("it has ended by itself"); }
  const Child& child() const { return child_; }

 private:
  Uplink(UplinkPlan plan, Child child) : plan_(std::move(plan)), child_(std::move(child)) {}
  Result<void> wait_for_byte();
  Result<void> wait_for_interface(Netlink& netlink);
  Error last_words();

  UplinkPlan plan_;
  std::optional<Child> anchor_;  // with start_in(): pasta ends with the process that it has been told
  Child child_;
  Fd exit_end_;    // closing it ends slirp4netns, also when we are killed
  Fd ready_end_;   // one byte arrives when the interface exists
  Fd errors_end_;  // the program's stderr
};

// Whether the kernel's route table says that the host has a way out over IPv6.
bool host_has_ipv6_route();
// With IPv6: what forwards questions about names.
inline constexpr std::string_view k_resolver_address6 = "fd00::3";

// Whether a container has this address itself, or the uplink in it: whoever has the same outside is not reached from
// there.
bool is_of_uplink(const IpAddress& address);

// The program's arguments; pure, for tests. `exit_fd` and `ready_fd` are numbers in the program.
std::vector<std::string> uplink_arguments(const UplinkPlan& plan, pid_t pid, int exit_fd, int ready_fd);

}  // namespace ctr::engine::network
