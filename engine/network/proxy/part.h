// netproxy: one process beside a container (or pod) that publishes ports, a child of its monitor. One event loop, and
// parts that hang their descriptors into it.
//
//   monitor                                          netproxy (`ctr internal-netproxy`)
//     posix_spawn, descriptor 3: a socket pair ────▶  is not dumpable from here on
//     ── start {settings of parts} ────────────────▶  joins the network namespace and its owner, the user namespace
//        with the network namespace                   ProxyPart::prepare(): files are opened, rules made
//        (meanwhile networks are joined)              keeps CAP_NET_ADMIN in there alone; PDEATHSIG, filter
//     ── {"to": "proxy", "addresses": {…}} ─────────▶
//     ── {"to": part, …} with up to 16 descriptors ▶  ProxyPart::on_message()
//     ── {"to": "proxy", "answer": true} ───────────▶
//     ◀── ready, or the first error ────────────────  all before it has been done
//     ── {"to": part, …} ───────────────────────────▶  at any later time, without an answer
//     ◀── end of file ──────────────────────────────  whoever notices first that the other is gone, ends
//
// To add a part: derive from ProxyPart, and add it to make_parts() in main.cc. Its settings are the member of the start
// message that is called as it is; the system calls it makes after prepare() have to be in the filter in sandbox.cc.
// Handlers are called for edges where they ask for EPOLLET: they then go on until EAGAIN.
#pragma once

#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/result.h"
#include "engine/network/proxy/descriptors.h"
#include "engine/network/proxy_plan.h"

namespace ctr::engine::network {

inline constexpr std::string_view k_proxy_verb = "internal-netproxy";
// Of the socket pair in netproxy.
inline constexpr int k_proxy_control = 3;
// Descriptors of one message, see Channel.
inline constexpr size_t k_proxy_message_fds = 16;

// What all parts share; outlives them.
struct ProxySite {
  EventLoop& loop;
  ProxyAddresses addresses;  // changes with the message {"to": "proxy", "addresses": {…}}
  size_t descriptor_limit = 1024;
  DescriptorShares shares;  // known once all parts are prepared
};

class ProxyPart {
 public:
  virtual ~ProxyPart() = default;
  // Whom messages are for.
  virtual std::string_view name() const = 0;
  // In the host's namespaces, before the container's are joined: what is opened here is the host's.
  virtual Result<void> prepare_outside(const JsonReader& /*settings*/) { return ok(); }
  // Inside of the namespaces, with all rights over them, before anything of the container has run. `settings` is empty
  // where the monitor sends none.
  virtual Result<void> prepare(const JsonReader& settings) = 0;
  // Descriptors are in the host's network namespace; what is opened here is in the container's.
  virtual Result<void> on_message(const JsonReader& message, std::vector<Fd> fds) = 0;
};

// The whole life of netproxy; returns the process's exit code.
int run_netproxy();

}  // namespace ctr::engine::network
