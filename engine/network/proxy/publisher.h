// The part of netproxy that publishes ports.
//
//   {"to": "publish", "ports": [PublishedPort, …]}      as many listening sockets beside it, in that order
//   {"to": "publish", "remove": [PublishedPort, …]}     none of these is listened to any more; connections go on
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "engine/network/proxy/part.h"
#include "engine/network/proxy/rules.h"
#include "engine/network/proxy/tcp.h"
#include "engine/network/proxy/udp.h"

namespace ctr::engine::network {

inline constexpr const char* k_publish_part = "publish";

class Publisher final : public ProxyPart {
 public:
  explicit Publisher(ProxySite& site) : tcp_(site), udp_(site) {}

  std::string_view name() const override { return k_publish_part; }
  Result<void> prepare(const JsonReader& settings) override;
  Result<void> on_message(const JsonReader& message, std::vector<Fd> fds) override;

 private:
  std::optional<ProxyRules> rules_;
  TcpPublisher tcp_;
  UdpPublisher udp_;
};

}  // namespace ctr::engine::network
