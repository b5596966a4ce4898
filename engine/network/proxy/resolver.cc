#include "engine/network/proxy/resolver.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/parse.h"
#include "base/text.h"
#include "engine/network/uplink.h"

namespace ctr::engine::network {
namespace {

using std::chrono::milliseconds;

// The next server is asked after so long; who is left to answer has as much again for each of them.
constexpr milliseconds k_patience{1000};
constexpr milliseconds k_last_patience{4000};
// Questions have one name each; what is longer than this is none.
constexpr size_t k_question_bytes = 4096;
constexpr int k_questions_a_turn = 64;

// "ADDRESS" or, of a link, "ADDRESS%NUMBER".
std::vector<Endpoint> endpoints_of(const std::vector<std::string>& texts) {
  constexpr uint16_t k_dns_port = 53;
  std::vector<Endpoint> out;
  for (const auto& text : texts) {
    const auto scoped = split_once(text, '%');
    const auto address = parse_ip_address(scoped ? scoped->first : text);
    const auto scope = scoped ? parse_unsigned(scoped->second, "scope", UINT32_MAX) : Result<uint64_t>(0);
    if (address && scope) out.push_back({.ip = *address, .port = k_dns_port, .scope = static_cast<uint32_t>(*scope)});
  }
  return out;
}

}  // namespace

std::string Resolver::failed_answer(std::string_view query) {
  const auto parsed = dns::parse_query(query);
  if (parsed.kind != dns::ParsedQuery::Kind::question) return dns::build_error(query, dns::Code::server_failure);
  const dns::Answer answer = {.code = dns::Code::server_failure, .records = {}, .authoritative = false};
  return dns::build_answer(query, parsed.question, answer, dns::k_message_limit_bytes);
}

Result<void> Resolver::prepare_outside(const JsonReader& settings) {
  if (!settings.has("root")) return ok();
  sockets_ = TRY(ServerSockets::make(site_.descriptor_limit));
  return ok();
}

Result<void> Resolver::prepare(const JsonReader& settings) {
  const auto root = TRY(settings.find_string("root"));
  if (!root) return ok();
  if (const auto address = TRY(settings.find_string("host_address"))) host_address_ = TRY(parse_ip_address(*address));
  // Whatever a message does to this process, it finds no other files.
  if (::chdir(root->c_str()) < 0 || ::chroot(".") < 0 || ::chdir("/") < 0) {
    return Error::from_errno("shut netproxy into '" + *root + "'");
  }
  names_.emplace("/");
  return ok();
}

Result<void> Resolver::on_message(const JsonReader& message, std::vector<Fd> fds) {
  if (!names_) return message.wrong("to", "a part that was prepared");
  if (message.has("servers")) host_servers_ = endpoints_of(TRY(message.strings("servers")));
  if (const auto network = TRY(message.find_string("join"))) TRY(join(*network, std::move(fds)));
  if (const auto network = TRY(message.find_string("leave"))) leave(*network);
  return ok();
}

Result<void> Resolver::join(std::string network, std::vector<Fd> fds) {
  if (fds.size() != 2) return Error(Errc::invalid, "a network has two sockets for names");
  leave(network);
  auto listener = std::make_shared<Listener>();
  listener->network = std::move(network);
  listener->udp = std::move(fds[0]);
  listener->tcp = std::move(fds[1]);
  TRY(set_nonblocking(listener->udp.get()));
  TRY(set_nonblocking(listener->tcp.get()));
  TRY(site_.loop.add(listener->udp.get(), EPOLLIN, [this, listener](uint32_t) { on_questions(listener); }));
  TRY(site_.loop.add(listener->tcp.get(), EPOLLIN, [this, listener](uint32_t) { on_client(listener); }));
  listeners_.push_back(std::move(listener));
  return ok();
}

void Resolver::leave(const std::string& network) {
  for (const auto& listener : listeners_) {
    if (listener->network != network) continue;
    site_.loop.remove(listener->udp.get());
    site_.loop.remove(listener->tcp.get());
  }
  std::erase_if(listeners_, [&](const auto& listener) { return listener->network == network; });
}

dns::Verdict Resolver::verdict_on(const dns::Question& question, const std::string& network, const IpAddress& client) {
  auto verdict = dns::decide(question, {network, unmapped(client)}, names_->read(), turn_++);
  return verdict.kind == dns::Verdict::Kind::host_address ? host_answer(question) : verdict;
}

dns::Verdict Resolver::host_answer(const dns::Question& question) {
  dns::Verdict verdict;
  bool any = false;
  for (const int family : {AF_INET, AF_INET6}) {
    auto address = sockets_->host_address(family);
    if (address && is_of_uplink(*address)) address.reset();
    if (host_address_) address = host_address_->family == family ? host_address_ : std::nullopt;
    if (!address) continue;
    any = true;
    const bool asked = question.type == (family == AF_INET ? dns::k_type_a : dns::k_type_aaaa);
    if (asked) verdict.answer.records.push_back(dns::address_data(*address));
  }
  if (!any) verdict.answer.code = dns::Code::name_error;
  return verdict;
}

std::vector<Endpoint> Resolver::servers_for(const dns::Verdict& verdict) const {
  return verdict.servers.empty() ? host_servers_ : endpoints_of(verdict.servers);
}

// ---- UDP

void Resolver::on_questions(const std::shared_ptr<Listener>& listener) {
  std::array<char, k_question_bytes> buffer{};
  for (int i = 0; i < k_questions_a_turn; ++i) {
    SocketAddress client;
    const ssize_t size = ::recvfrom(listener->udp.get(), buffer.data(), buffer.size(), MSG_TRUNC | MSG_DONTWAIT,
                                    client.get(), &client.size);
    if (size < 0) return;
    if (static_cast<size_t>(size) > buffer.size()) continue;
    answer_datagram(listener, client, {buffer.data(), static_cast<size_t>(size)});
  }
}

void Resolver::answer_datagram(const std::shared_ptr<Listener>& listener, const SocketAddress& client,
                               std::string_view query) {
  const auto parsed = dns::parse_query(query);
  if (parsed.kind == dns::ParsedQuery::Kind::drop) return;
  std::string answer;
  if (parsed.kind == dns::ParsedQuery::Kind::error) {
    answer = dns::build_error(query, parsed.code);
  } else {
    const auto verdict = verdict_on(parsed.question, listener->network, from_socket_address(client).ip);
    if (verdict.kind == dns::Verdict::Kind::forward) return relay(listener, client, query, servers_for(verdict));
    answer = dns::build_answer(query, parsed.question, verdict.answer, parsed.question.udp_limit_bytes);
  }
  (void)::sendto(listener->udp.get(), answer.data(), answer.size(), MSG_DONTWAIT, client.get(), client.size);
}

void Resolver::relay(const std::shared_ptr<Listener>& listener, const SocketAddress& client, std::string_view query,
                     std::vector<Endpoint> servers) {
  const auto who = from_socket_address(client);
  // Asked again while the first is on its way.
  const bool known = std::any_of(relays_.begin(), relays_.end(), [&](const auto& other) {
    return other.query == query && from_socket_address(other.client) == who;
  });
  if (known) return;
  Relay next;
  next.listener = listener;
  next.client = client;
  next.query = query;
  // Without servers it is answered at once that none could be asked.
  if (!is_crowding(who.ip, servers)) next.servers = std::move(servers);
  relays_.push_back(std::move(next));
  ask_next(std::prev(relays_.end()));
}

bool Resolver::is_crowding(const IpAddress& client, const std::vector<Endpoint>& servers) const {
  if (servers.empty() || !sockets_->are_scarce(servers.front(), SOCK_DGRAM)) return false;
  const auto is_his = [&](const auto& other) { return from_socket_address(other.client).ip == client; };
  const auto his = static_cast<size_t>(std::count_if(relays_.begin(), relays_.end(), is_his));
  return his * 2 > relays_.size();
}

void Resolver::ask_next(Relays::iterator relay) {
  if (relay->timer != 0) site_.loop.cancel_timer(relay->timer);
  relay->timer = 0;
  while (relay->next < relay->servers.size()) {
    auto socket = sockets_->connect(relay->servers[relay->next++], SOCK_DGRAM);
    if (!socket) continue;
    const int number = socket->get();
    const bool sent = ::send(number, relay->query.data(), relay->query.size(), MSG_DONTWAIT) >= 0;
    if (!sent || !site_.loop.add(number, EPOLLIN, [this, relay, number](uint32_t) { on_answer(relay, number); })) {
      sockets_->give_back(std::move(*socket));
      continue;
    }
    relay->sockets.push_back(std::move(*socket));
    const bool last = relay->next == relay->servers.size();
    relay->timer = site_.loop.add_timer(last ? k_last_patience : k_patience, [this, relay] {
      relay->timer = 0;
      ask_next(relay);
    });
    return;
  }
  // Nobody is left to ask. Those who were asked have had their time, unless they have just refused.
  const auto answer = failed_answer(relay->query);
  (void)::sendto(relay->listener->udp.get(), answer.data(), answer.size(), MSG_DONTWAIT, relay->client.get(),
                 relay->client.size);
  finish(relay);
}

void Resolver::on_answer(Relays::iterator relay, int socket) {
  std::array<char, dns::k_message_limit_bytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
  const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size >= 0) {
    const std::string_view answer(buffer.data(), static_cast<size_t>(size));
    // What answers something else is no answer: forged, or late.
    if (!dns::answers_query(answer, relay->query)) return;
    (void)::sendto(relay->listener->udp.get(), answer.data(), answer.size(), MSG_DONTWAIT, relay->client.get(),
                   relay->client.size);
    return finish(relay);
  }
  if (errno == EAGAIN || errno == EINTR) return;
  // Nobody is there: the others may be.
  site_.loop.remove(socket);
  const auto failed = std::find_if(relay->sockets.begin(), relay->sockets.end(),
                                   [&](const auto& other) { return other.get() == socket; });
  if (failed != relay->sockets.end()) {
    sockets_->give_back(std::move(*failed));
    relay->sockets.erase(failed);
  }
  if (relay->sockets.empty() || relay->next < relay->servers.size()) ask_next(relay);
}

void Resolver::finish(Relays::iterator relay) {
  if (relay->timer != 0) site_.loop.cancel_timer(relay->timer);
  for (auto& socket : relay->sockets) {
    site_.loop.remove(socket.get());
    sockets_->give_back(std::move(socket));
  }
  relays_.erase(relay);
}

}  // namespace ctr::engine::network
