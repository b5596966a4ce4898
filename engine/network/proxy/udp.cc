#include "engine/network/proxy/udp.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string_view>

namespace ctr::engine::network {
namespace {

// As long as the kernel remembers a UDP stream (nf_conntrack_udp_timeout_stream), and a little longer.
constexpr std::chrono::seconds k_idle{180};
constexpr std::chrono::seconds k_look{30};
constexpr int k_packets_in_a_row = 64;

union Control {
  std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
  cmsghdr align;
};
static_assert(sizeof(in6_pktinfo) >= sizeof(in_pktinfo));

// Where a packet has arrived; `interface` only where the address means nothing without it.
void read_arrival(msghdr& header, IpAddress& local, uint32_t& interface) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      local.family = AF_INET;
      // Of a broadcast this is the address of the interface.
      std::memcpy(local.bytes.data(), &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
    }
    if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      local.family = AF_INET6;
      std::memcpy(local.bytes.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
      const bool link_local = local.bytes[0] == 0xfe && (local.bytes[1] & 0xc0) == 0x80;
      if (link_local) interface = info.ipi6_ifindex;
    }
  }
}

template <typename Info>
void add_control(msghdr& header, Control& control, int level, int type, const Info& info) {
  header.msg_control = control.bytes.data();
  header.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(part), &info, sizeof info);
}

// An answer comes from the address that was asked.
void add_source(msghdr& header, Control& control, const IpAddress& local, uint32_t interface) {
  if (local.family == AF_INET) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, local.bytes.data(), sizeof info.ipi_spec_dst);
    add_control(header, control, IPPROTO_IP, IP_PKTINFO, info);
  } else if (local.family == AF_INET6) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, local.bytes.data(), sizeof info.ipi6_addr);
    info.ipi6_ifindex = interface;
    add_control(header, control, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

// In the form that the socket speaks: one for both families knows IPv4 addresses in IPv6 clothes.
Endpoint dressed_for(const Fd& socket, Endpoint endpoint) {
  SocketAddress own;
  if (::getsockname(socket.get(), own.get(), &own.size) < 0 || own.storage.ss_family != AF_INET6) return endpoint;
  if (endpoint.ip.family == AF_INET6) return endpoint;
  IpAddress mapped;
  mapped.family = AF_INET6;
  mapped.bytes[10] = mapped.bytes[11] = 0xff;
  std::copy_n(endpoint.ip.bytes.begin(), 4, mapped.bytes.begin() + 12);
  endpoint.ip = mapped;
  return endpoint;
}

std::array<uint8_t, 17> id_of(const IpAddress& ip) {
  std::array<uint8_t, 17> id{};
  id[0] = static_cast<uint8_t>(ip.family);
  std::copy(ip.bytes.begin(), ip.bytes.end(), id.begin() + 1);
  return id;
}

}  // namespace

size_t UdpPublisher::KeyHash::operator()(const Key& key) const {
  return std::hash<std::string_view>()({reinterpret_cast<const char*>(key.data()), key.size()});
}

UdpPublisher::Key UdpPublisher::key_of(const Listener& listener, const Way& way) {
  Key key{};
  auto* at = key.data();
  const auto add = [&at](const void* bytes, size_t count) {
    std::memcpy(at, bytes, count);
    at += count;
  };
  add(&listener.number, sizeof listener.number);
  add(way.client.ip.bytes.data(), way.client.ip.bytes.size());
  add(&way.client.port, sizeof way.client.port);
  add(way.local.bytes.data(), way.local.bytes.size());
  add(&way.client.scope, sizeof way.client.scope);
  const auto family = static_cast<uint8_t>(way.client.ip.family);
  add(&family, sizeof family);
  return key;
}

UdpPublisher::Pair UdpPublisher::pair_of(const Passage& passage) {
  std::array<uint8_t, 19> source{};
  const auto id = id_of(passage.source.ip);
  std::copy(id.begin(), id.end(), source.begin());
  std::memcpy(source.data() + id.size(), &passage.source.port, sizeof passage.source.port);
  return {source, passage.target.port};
}

Result<void> UdpPublisher::add(const PublishedPort& port, Fd socket) {
  TRY(set_nonblocking(socket.get()));
  if (packet_ == nullptr) packet_ = std::make_unique_for_overwrite<Packet>();
  const int on = 1;
  // One of both can be set: the socket is of one family.
  (void)::setsockopt(socket.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  (void)::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  if (ports_[port.container_port]++ == 0) TRY(rules_->add_udp_port(port.container_port));
  auto& listener = listeners_.emplace_back(Listener{++last_number_, port, std::move(socket)});
  return site_.loop.add(listener.socket.get(), EPOLLIN | EPOLLET,
                        [this, &listener](uint32_t) { on_packets(listener); });
}

Result<void> UdpPublisher::remove(const PublishedPort& port) {
  const auto found = std::find_if(listeners_.begin(), listeners_.end(),
                                  [&](const Listener& listener) { return listener.port == port; });
  if (found == listeners_.end()) return ok();
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    const auto next = std::next(flow);
    if (flow->listener == &*found) close_flow(flow);
    flow = next;
  }
  site_.loop.remove(found->socket.get());
  listeners_.erase(found);
  if (--ports_[port.container_port] > 0) return ok();
  ports_.erase(port.container_port);
  return rules_->remove_udp_port(port.container_port);
}

void UdpPublisher::on_packets(Listener& listener) {
  for (int count = 0; count < k_packets_in_a_row; ++count) {
    SocketAddress address;
    Control control{};
    iovec part = {packet_->data(), packet_->size()};
    msghdr header{};
    header.msg_name = address.get();
    header.msg_namelen = address.size;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    const auto size = ::recvmsg(listener.socket.get(), &header, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) continue;
    Way way;
    way.client = from_socket_address(address);
    read_arrival(header, way.local, way.interface);
    auto* flow = find_flow(listener, way);
    if (flow == nullptr) continue;
    // An earlier refusal of the container is reported by the first call after it.
    const auto bytes = static_cast<size_t>(size);
    if (::send(flow->socket.get(), packet_->data(), bytes, 0) < 0 && errno == ECONNREFUSED) {
      (void)::send(flow->socket.get(), packet_->data(), bytes, 0);
    }
  }
  const auto number = listener.number;
  site_.loop.add_timer(std::chrono::milliseconds(0), [this, number] {
    for (auto& other : listeners_) {
      if (other.number == number) return on_packets(other);
    }
  });
}

UdpPublisher::Flow* UdpPublisher::find_flow(Listener& listener, const Way& way) {
  const auto key = key_of(listener, way);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return open_flow(listener, way, key);
  flows_.splice(flows_.begin(), flows_, found->second);
  found->second->used = std::chrono::steady_clock::now();
  return &*found->second;
}

UdpPublisher::Flow* UdpPublisher::open_flow(Listener& listener, const Way& way, const Key& key) {
  if (flows_.size() >= site_.shares.clients) close_oldest();
  const auto passage = plan_passage(way.client, listener.port.container_port, site_.addresses);
  if (!passage) return nullptr;
  const bool own_port = taken_.insert(pair_of(*passage)).second;
  const auto port = own_port ? SourcePort::wanted : SourcePort::any;
  auto socket = open_as(passage->source, SOCK_DGRAM, port);
  if (!socket && socket.error().sys() == EMFILE && !flows_.empty()) {
    close_oldest();
    socket = open_as(passage->source, SOCK_DGRAM, port);
  }
  const auto target = to_socket_address(passage->target);
  if (!socket || !count_client(*passage)) {
    if (own_port) taken_.erase(pair_of(*passage));
    return nullptr;
  }
  flows_.push_front({key, way, *passage, &listener, std::move(*socket), own_port, std::chrono::steady_clock::now()});
  const auto flow = flows_.begin();
  by_key_[key] = flow;
  const bool connected = ::connect(flow->socket.get(), target.get(), target.size) == 0;
  if (!connected ||
      !site_.loop.add(flow->socket.get(), EPOLLIN | EPOLLET, [this, flow](uint32_t) { on_answers(flow); })) {
    close_flow(flow);
    return nullptr;
  }
  if (!std::exchange(expires_, true)) site_.loop.add_timer(k_look, [this] { expire(); });
  return &*flow;
}

Result<void> UdpPublisher::count_client(const Passage& passage) {
  auto& count = clients_[id_of(passage.source.ip)];
  if (count == 0) {
    if (auto added = rules_->add_udp_client(passage.source.ip, passage.target.ip); !added) {
      clients_.erase(id_of(passage.source.ip));
      return added;
    }
  }
  ++count;
  return ok();
}

void UdpPublisher::forget_client(const IpAddress& client) {
  const auto found = clients_.find(id_of(client));
  if (found == clients_.end() || --found->second > 0) return;
  clients_.erase(found);
  rules_->remove_udp_client(client).ignore("a route that stays leads to nobody");
}

void UdpPublisher::close_flow(Handle flow) {
  site_.loop.remove(flow->socket.get());
  if (flow->own_port) taken_.erase(pair_of(flow->passage));
  forget_client(flow->passage.source.ip);
  by_key_.erase(flow->key);
  flows_.erase(flow);
}

void UdpPublisher::close_oldest() { close_flow(std::prev(flows_.end())); }

void UdpPublisher::expire() {
  const auto limit = std::chrono::steady_clock::now() - k_idle;
  while (!flows_.empty() && flows_.back().used < limit) close_oldest();
  expires_ = !flows_.empty();
  if (expires_) site_.loop.add_timer(k_look, [this] { expire(); });
}

void UdpPublisher::on_answers(Handle flow) {
  for (int count = 0; count < k_packets_in_a_row; ++count) {
    const auto size = ::recv(flow->socket.get(), packet_->data(), packet_->size(), 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) continue;
    flow->used = std::chrono::steady_clock::now();
    flows_.splice(flows_.begin(), flows_, flow);
    answer(*flow, static_cast<size_t>(size));
  }
  const auto key = flow->key;
  site_.loop.add_timer(std::chrono::milliseconds(0), [this, key] {
    if (const auto found = by_key_.find(key); found != by_key_.end()) on_answers(found->second);
  });
}

void UdpPublisher::answer(const Flow& flow, size_t size_bytes) {
  auto to = to_socket_address(dressed_for(flow.listener->socket, flow.way.client));
  iovec part = {packet_->data(), size_bytes};
  Control control{};
  msghdr header{};
  header.msg_name = to.get();
  header.msg_namelen = to.size;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  add_source(header, control, flow.way.local, flow.way.interface);
  // A packet that cannot be sent is lost, as any may be.
  (void)::sendmsg(flow.listener->socket.get(), &header, 0);
}

}  // namespace ctr::engine::network
