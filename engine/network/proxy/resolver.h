// The part of netproxy that answers questions about names in user networks.
//
//   settings: {"root": "/…/ctr/net", "host_address": "…"}       the folder of the networks' files, which is all that
//                                                               netproxy can open from then on
//   {"to": "names", "servers": ["192.0.2.53", "fe80::1%2", …]}  the host's name servers
//   {"to": "names", "join": "NETWORK"} and two sockets          of UDP and TCP, in that network; TCP listens already
//   {"to": "names", "leave": "NETWORK"}
//
// Members of a network share its gateway's port 53 (SO_REUSEPORT): each answers for all, and what one that was killed
// has not answered is asked again. Questions about other names are passed on as they are, from sockets in the host's
// network.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/network/proxy/dns_answer.h"
#include "engine/network/proxy/endpoint.h"
#include "engine/network/proxy/names_reader.h"
#include "engine/network/proxy/part.h"
#include "engine/network/proxy/server_sockets.h"

namespace ctr::engine::network {

inline constexpr const char* k_names_part = "names";

class Resolver final : public ProxyPart {
 public:
  explicit Resolver(ProxySite& site) : site_(site) {}

  std::string_view name() const override { return k_names_part; }
  Result<void> prepare_outside(const JsonReader& settings) override;
  Result<void> prepare(const JsonReader& settings) override;
  Result<void> on_message(const JsonReader& message, std::vector<Fd> fds) override;

 private:
  struct Listener {
    std::string network;
    Fd udp;
    Fd tcp;
  };
  // A question that is being asked outside.
  struct Relay {
    std::shared_ptr<Listener> listener;
    SocketAddress client;
    std::string query;
    std::vector<Endpoint> servers;
    size_t next = 0;
    std::vector<Fd> sockets;
    EventLoop::TimerId timer = 0;
  };
  using Relays = std::list<Relay>;
  // A client over TCP: its questions are answered one after the other.
  struct Stream {
    std::shared_ptr<Listener> listener;
    IpAddress client;
    Fd socket;
    std::string in, out;
    bool ended = false;  // the client asks no more
    // The question that is being asked outside.
    std::string query;
    std::vector<Endpoint> servers;
    size_t next = 0;
    std::optional<Fd> server;
    std::string to_server, from_server;
    EventLoop::TimerId patience = 0;  // with the server
    EventLoop::TimerId idle = 0;      // with the client
  };
  using Streams = std::list<Stream>;

  Result<void> join(std::string network, std::vector<Fd> fds);
  void leave(const std::string& network);
  dns::Verdict verdict_on(const dns::Question& question, const std::string& network, const IpAddress& client);
  std::vector<Endpoint> servers_for(const dns::Verdict& verdict) const;
  dns::Verdict host_answer(const dns::Question& question);
  static std::string failed_answer(std::string_view query);

  void on_questions(const std::shared_ptr<Listener>& listener);
  void answer_datagram(const std::shared_ptr<Listener>& listener, const SocketAddress& client, std::string_view query);
  void relay(const std::shared_ptr<Listener>& listener, const SocketAddress& client, std::string_view query,
             std::vector<Endpoint> servers);
  // Whether this client keeps others from asking: few sockets are left, and most questions on their way are its own.
  bool is_crowding(const IpAddress& client, const std::vector<Endpoint>& servers) const;
  void ask_next(Relays::iterator relay);
  void on_answer(Relays::iterator relay, int socket);
  void finish(Relays::iterator relay);

  void on_client(const std::shared_ptr<Listener>& listener);
  void on_stream(Streams::iterator stream, uint32_t events);
  void go_on(Streams::iterator stream);
  // False when the stream is closed.
  bool send_out(Streams::iterator stream);
  bool answer_frame(Streams::iterator stream, std::string query);
  void ask_next_over_stream(Streams::iterator stream);
  void on_server(Streams::iterator stream, uint32_t events);
  void forget_server(Streams::iterator stream);
  void close(Streams::iterator stream);

  ProxySite& site_;
  std::optional<ServerSockets> sockets_;
  std::optional<NamesReader> names_;
  std::vector<Endpoint> host_servers_;
  std::optional<IpAddress> host_address_;  // of the configuration
  std::vector<std::shared_ptr<Listener>> listeners_;
  Relays relays_;
  Streams streams_;
  size_t turn_ = 0;
};

}  // namespace ctr::engine::network
