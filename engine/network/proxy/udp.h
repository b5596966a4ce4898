// Published UDP ports: a socket inside for each client, with the client's address, so that the container sees who it is
// and answers to that one.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "engine/network/proxy/endpoint.h"
#include "engine/network/proxy/part.h"
#include "engine/network/proxy/rules.h"

namespace ctr::engine::network {

class UdpPublisher {
 public:
  explicit UdpPublisher(ProxySite& site) : site_(site) {}
  UdpPublisher(const UdpPublisher&) = delete;
  UdpPublisher& operator=(const UdpPublisher&) = delete;

  // Outlive this object.
  void use(ProxyRules& rules) { rules_ = &rules; }
  // Passes on what `socket` receives, which is bound.
  Result<void> add(const PublishedPort& port, Fd socket);
  // Its clients are forgotten. Errors: those of the rules.
  Result<void> remove(const PublishedPort& port);

 private:
  struct Listener {
    uint32_t number = 0;
    PublishedPort port;
    Fd socket;
  };
  // Where a packet came from and arrived: its answer goes the same way back.
  struct Way {
    Endpoint client;
    IpAddress local;
    uint32_t interface = 0;  // for link-local addresses
    bool operator==(const Way&) const = default;
  };
  using Key = std::array<uint8_t, 44>;
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  struct Flow {
    Key key{};
    Way way;
    Passage passage;
    Listener* listener = nullptr;
    Fd socket;
    bool own_port = false;  // has the source of `passage`, port included
    std::chrono::steady_clock::time_point used;
  };
  using Flows = std::list<Flow>;
  using Handle = Flows::iterator;
  // A source and the port of the container it talks to: there is one socket for both.
  using Pair = std::pair<std::array<uint8_t, 19>, uint16_t>;

  static Key key_of(const Listener& listener, const Way& way);
  static Pair pair_of(const Passage& passage);
  void on_packets(Listener& listener);
  void on_answers(Handle flow);
  Flow* find_flow(Listener& listener, const Way& way);
  Flow* open_flow(Listener& listener, const Way& way, const Key& key);
  void close_flow(Handle flow);
  void close_oldest();
  void expire();
  void answer(const Flow& flow, size_t size_bytes);
  Result<void> count_client(const Passage& passage);
  void forget_client(const IpAddress& client);

  ProxySite& site_;
  ProxyRules* rules_ = nullptr;
  std::list<Listener> listeners_;
  uint32_t last_number_ = 0;
  Flows flows_;  // that which was used last is the first
  std::unordered_map<Key, Handle, KeyHash> by_key_;
  std::set<Pair> taken_;
  std::map<std::array<uint8_t, 17>, size_t> clients_;  // flows of each
  std::map<uint16_t, size_t> ports_;                   // listeners that lead to each port of the container
  bool expires_ = false;
  using Packet = std::array<char, size_t{1} << 16>;
  std::unique_ptr<Packet> packet_;  // once there is a port
};

}  // namespace ctr::engine::network
