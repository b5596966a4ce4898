#include "engine/network/uplink.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"
#include "runtime/network_namespace.h"

namespace ctr::engine::network {
namespace {

constexpr uint32_t k_mtu_bytes = 65520;  // the largest slirp4netns takes; segments then cross in few copies
constexpr std::chrono::seconds k_ready_timeout{10};
// pasta drops what does not fit into its interface's queue.
constexpr uint32_t k_pasta_queue_packets = 10000;
constexpr int k_exit_fd = 3;
constexpr int k_ready_fd = 4;

// pasta before 2024-08 loses published connections and ignores the end of the namespace; the option tells the versions
// apart.
Result<bool> is_recent_pasta(const std::string& program) {
  auto output = TRY(run_program({.program = program, .argv = {"pasta", "--help"}, .env = {"PATH=/usr/bin:/bin"}}, "",
                                std::chrono::seconds(5)));
  return (output.out + output.err).find("--map-host-loopback") != std::string::npos;
}

Error no_uplink(std::string why) {
  return Error(Errc::unsupported, "no usable uplink: " + std::move(why))
      .with_hint("install slirp4netns (apt install slirp4netns), or use --network host or --network none");
}

}  // namespace

bool host_has_ipv6_route() {
  auto table = read_kernel_file("/proc/net/ipv6_route");
  return table && has_default_route(*table, AF_INET6);
}

bool is_of_uplink(const IpAddress& address) {
  constexpr auto k_addresses =
      std::to_array<std::string_view>({k_gateway_address, k_resolver_address, k_container_address, k_gateway_address6,
                                       k_resolver_address6, k_container_address6});
  const auto text = address.to_string();
  return std::find(k_addresses.begin(), k_addresses.end(), text) != k_addresses.end();
}

Json to_json(const UplinkPlan& plan) {
  return Json::object()
      .set("kind", plan.kind == UplinkKind::pasta ? "pasta" : "slirp4netns")
      .set("program", plan.program)
      .set("ipv6", plan.ipv6)
      .set("options", to_json(plan.options))
      .set("interface", plan.interface_name);
}

Result<UplinkPlan> uplink_plan_from_json(const JsonReader& reader) {
  UplinkPlan plan;
  plan.kind = TRY(reader.get_string("kind")) == "pasta" ? UplinkKind::pasta : UplinkKind::slirp4netns;
  plan.program = TRY(reader.get_string("program"));
  plan.ipv6 = TRY(reader.get_bool("ipv6"));
  if (auto options = TRY(reader.find_object("options"))) plan.options = TRY(uplink_options_from_json(*options));
  plan.interface_name = TRY(reader.string_or("interface", plan.interface_name));
  return plan;
}

Result<UplinkPlan> plan_uplink(const NetworkChoice& choice, const runtime::HostFacts& host) {
  UplinkPlan plan;
  plan.options = TRY(parse_uplink_options(choice));
  plan.ipv6 = plan.options.ipv6 ? *plan.options.ipv6 : host_has_ipv6_route();
  if (!host.tun_usable) {
    return Error(Errc::permission,
                 "/dev/net/tun: this user cannot open it, so the container cannot have a network of its own")
        .with_hint("run 'chmod 0666 /dev/net/tun' as root, or use --network host or --network none");
  }
  if (choice.uplink != "pasta" && !host.slirp4netns.empty()) {
    plan.program = host.slirp4netns;
    return plan;
  }
  if (choice.uplink == "slirp4netns") return no_uplink("slirp4netns is not installed");
  if (host.pasta.empty()) {
    return no_uplink(choice.uplink == "pasta" ? "pasta is not installed"
                                              : "neither slirp4netns nor pasta is installed");
  }
  if (!TRY(is_recent_pasta(host.pasta))) {
    return no_uplink(std::string(choice.uplink == "pasta" ? "" : "slirp4netns is not installed, and ") + host.pasta +
                     " is too old (needs 2024-08 or newer)");
  }
  plan.kind = UplinkKind::pasta;
  plan.program = host.pasta;
  return plan;
}

namespace {

std::string mtu_text(const UplinkPlan& plan) { return std::to_string(plan.options.mtu_bytes.value_or(k_mtu_bytes)); }

std::vector<std::string> slirp_arguments(const UplinkPlan& plan, const std::string& process, int exit_fd,
                                         int ready_fd) {
  const auto& options = plan.options;
  std::vector<std::string> arguments = {"slirp4netns", "--mtu=" + mtu_text(plan), "--enable-sandbox",
                                        "--enable-seccomp"};
  if (!options.host_loopback) arguments.emplace_back("--disable-host-loopback");
  if (plan.ipv6) arguments.emplace_back("--enable-ipv6");
  if (!options.cidr.empty()) arguments.push_back("--cidr=" + options.cidr);
  if (!options.outbound4.empty()) arguments.push_back("--outbound-addr=" + options.outbound4);
  if (!options.outbound6.empty()) arguments.push_back("--outbound-addr6=" + options.outbound6);
  arguments.insert(arguments.end(),
                   {"-e", std::to_string(exit_fd), "-r", std::to_string(ready_fd), process, plan.interface_name});
  return arguments;
}

// Where connections leave the host.
void add_pasta_outbound(const UplinkOptions& options, std::vector<std::string>& arguments) {
  const auto add = [&](const std::string& outbound, const char* interface_option) {
    if (outbound.empty()) return;
    arguments.emplace_back(parse_ip_address(outbound) ? "--outbound" : interface_option);
    arguments.push_back(outbound);
  };
  add(options.outbound4, "--outbound-if4");
  add(options.outbound6, "--outbound-if6");
}

std::vector<std::string> pasta_arguments(const UplinkPlan& plan, const std::string& process) {
  const auto& options = plan.options;
  const auto inside = uplink_addresses(options);
  std::vector<std::string> arguments = {"pasta", "-f", "-q", "-I", plan.interface_name};
  arguments.insert(arguments.end(), {"-a", inside.container, "-n", std::to_string(inside.prefix_bits)});
  arguments.insert(arguments.end(), {"-g", inside.gateway});
  if (options.ipv6 == false) {
    arguments.emplace_back("-4");
  } else {
    arguments.insert(arguments.end(), {"-a", "fd00::100", "-g", "fe80::1"});
  }
  // Addresses are those above: what the host has on its own interfaces is not looked at, and may be nothing.
  arguments.insert(arguments.end(), {"-i", "lo", "-M", "9a:55:9a:55:9a:55", "--dns-forward", inside.resolver});
  if (options.mtu_bytes) arguments.insert(arguments.end(), {"-m", mtu_text(plan)});
  add_pasta_outbound(options, arguments);
  for (const char* direction : {"-t", "-u", "-T", "-U"}) arguments.insert(arguments.end(), {direction, "none"});
  if (options.host_loopback) {
    arguments.insert(arguments.end(), {"--map-host-loopback", inside.gateway});
  } else {
    arguments.emplace_back("--no-map-gw");
  }
  arguments.insert(arguments.end(),
                   {"--userns", "/proc/" + process + "/ns/user", "--netns", "/proc/" + process + "/ns/net"});
  return arguments;
}

}  // namespace

std::vector<std::string> uplink_arguments(const UplinkPlan& plan, pid_t pid, int exit_fd, int ready_fd) {
  const auto process = std::to_string(pid);
  if (plan.kind == UplinkKind::pasta) return pasta_arguments(plan, process);
  return slirp_arguments(plan, process, exit_fd, ready_fd);
}

Result<Uplink> Uplink::start(const UplinkPlan& plan, pid_t pid) {
  auto exit_pipe = TRY(make_pipe());
  auto ready_pipe = TRY(make_pipe());
  auto errors_pipe = TRY(make_pipe());
  // Nobody reads this once it is ready: what does not fit is lost, else the program would wait for ever.
  TRY(set_nonblocking(errors_pipe.write_end.get()));
  SpawnOptions options{.program = plan.program,
                       .argv = uplink_arguments(plan, pid, k_exit_fd, k_ready_fd),
                       .env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
                       .fds = {{errors_pipe.write_end.get(), 2}}};
  if (plan.kind == UplinkKind::slirp4netns) {
    options.fds.emplace_back(exit_pipe.read_end.get(), k_exit_fd);
    options.fds.emplace_back(ready_pipe.write_end.get(), k_ready_fd);
  }
  Uplink uplink(plan, TRY(spawn(options)));
  if (plan.kind == UplinkKind::slirp4netns) {
    uplink.exit_end_ = std::move(exit_pipe.write_end);
    uplink.ready_end_ = std::move(ready_pipe.read_end);
  }
  uplink.errors_end_ = std::move(errors_pipe.read_end);
  return uplink;
}

Result<Uplink> Uplink::start_in(const UplinkPlan& plan, const Fd& network, Netlink& netlink) {
  std::optional<Uplink> uplink;
  auto anchor = TRY(runtime::launch_anchor(network, [&](pid_t pid) -> Result<void> {
    uplink.emplace(TRY(start(plan, pid)));
    return uplink->wait_ready(netlink);
  }));
  if (plan.kind == UplinkKind::pasta) uplink->anchor_.emplace(std::move(anchor));
  return std::move(*uplink);
}

Result<void> Uplink::wait_ready(Netlink& netlink) {
  return plan_.kind == UplinkKind::pasta ? wait_for_interface(netlink) : wait_for_byte();
}

Result<void> Uplink::wait_for_byte() {
  if (!ready_end_.valid()) return ok();
  pollfd ready{.fd = ready_end_.get(), .events = POLLIN, .revents = 0};
  int count = 0;
  do {
    count = ::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(k_ready_timeout).count()));
  } while (count < 0 && errno == EINTR);
  if (count == 0) return Error(Errc::timed_out, plan_.program + " did not bring its interface up within 10 s");
  char byte = 0;
  // The pipe was closed without a word: the program has ended.
  if (count < 0 || ::read(ready_end_.get(), &byte, 1) != 1) return last_words();
  ready_end_.reset();
  return ok();
}

// pasta does not tell when it is ready: its interface is asked for until it is there or pasta has ended.
Result<void> Uplink::wait_for_interface(Netlink& netlink) {
  const auto deadline = std::chrono::steady_clock::now() + k_ready_timeout;
  while (!netlink.link_index(plan_.interface_name)) {
    if (std::chrono::steady_clock::now() > deadline) {
      return Error(Errc::timed_out, plan_.program + " did not bring its interface up within 10 s");
    }
    pollfd ended{.fd = child_.pidfd(), .events = POLLIN, .revents = 0};
    if (::poll(&ended, 1, 2) == 1) return last_words();
  }
  return ok();
}

// Why the program has ended, as it says on stderr.
Error Uplink::last_words() {
  child_.signal(SIGKILL).ignore("it has ended, or is about to");
  (void)child_.wait();
  auto words = read_all(errors_end_.get(), 65536, "the messages of " + plan_.program);
  std::string last;
  if (words) {
    for (const auto& line : split(*words, '\n')) {
      if (!trim(line).empty()) last = std::string(trim(line));
    }
  }
  return Error(Errc::network, plan_.program + " ended before the network was ready: " + printable(last))
      .with_hint("'ctr doctor' checks what it needs; --network host and --network none work without it");
}

Result<void> Uplink::configure(Netlink& netlink, const std::optional<IpAddress>& source) const {
  TRY(netlink.set_link_up(TRY(netlink.link_index("lo"))));
  int link = TRY(netlink.link_index(plan_.interface_name));
  TRY(netlink.set_link_mtu(link, plan_.options.mtu_bytes.value_or(k_mtu_bytes)));
  if (plan_.kind == UplinkKind::pasta) TRY(netlink.set_link_queue(link, k_pasta_queue_packets));
  TRY(netlink.set_link_up(link));
  const auto inside = uplink_addresses(plan_.options);
  // The host may be in a network of the same addresses, as guests of VirtualBox and QEMU are: it and its neighbours are
  // reached like anybody else, and the link has nobody but the gateway.
  constexpr auto k_others = Netlink::Neighbours::behind_gateway;
  if (!source) TRY(netlink.add_address(link, TRY(parse_ip_address(inside.container)), inside.prefix_bits, k_others));
  TRY(netlink.add_default_route({.link_index = link,
                                 .gateway = TRY(parse_ip_address(inside.gateway)),
                                 .on_link = true,
                                 .preferred_source = source}));
  if (!plan_.ipv6) return ok();
  TRY(netlink.add_address(link, TRY(parse_ip_address(k_container_address6)), 64, k_others));
  auto gateway = plan_.kind == UplinkKind::pasta ? "fe80::1" : k_gateway_address6;
  return netlink.add_default_route({.link_index = link, .gateway = TRY(parse_ip_address(gateway)), .on_link = true});
}

}  // namespace ctr::engine::network
