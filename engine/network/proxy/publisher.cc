#include "engine/network/proxy/publisher.h"

#include <utility>

namespace ctr::engine::network {

Result<void> Publisher::prepare(const JsonReader&) {
  rules_.emplace(TRY(ProxyRules::make()));
  udp_.use(*rules_);
  return ok();
}

Result<void> Publisher::on_message(const JsonReader& message, std::vector<Fd> fds) {
  for (const auto& element : TRY(message.elements("remove"))) {
    const auto port = TRY(published_port_from_json(element));
    if (port.protocol == PortProtocol::tcp) {
      tcp_.remove(port);
    } else {
      TRY(udp_.remove(port));
    }
  }
  size_t next = 0;
  for (const auto& element : TRY(message.elements("ports"))) {
    const auto port = TRY(published_port_from_json(element));
    if (next == fds.size()) return element.wrong("", "a port with a socket beside it");
    auto socket = std::move(fds[next++]);
    if (port.protocol == PortProtocol::tcp) {
      TRY(tcp_.add(port, std::move(socket)));
    } else {
      TRY(udp_.add(port, std::move(socket)));
    }
  }
  return ok();
}

}  // namespace ctr::engine::network
