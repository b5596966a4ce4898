// DNS messages of programs in containers and of servers outside.
#include <sys/socket.h>

#include <algorithm>

#include "engine/network/proxy/dns_answer.h"
#include "engine/network/proxy/dns_message.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace ctr;                        // NOLINT(google-build-using-namespace): a test
using namespace ctr::engine::network;       // NOLINT(google-build-using-namespace): a test
using namespace ctr::engine::network::dns;  // NOLINT(google-build-using-namespace): a test

IpAddress address_of(std::string_view text) { return parse_ip_address(text).value(); }

const KnownNetworks& networks() {
  static const KnownNetworks known = [] {
    MemberNames web;
    web.ipv4 = address_of("10.89.0.5");
    web.ipv6 = address_of("fd00::5");
    web.name = "web";
    web.aliases = {"www", "a.b"};
    web.short_id = "0123456789ab";
    KnownNetwork open;
    open.subnets = {{.base = address_of("10.89.0.0"), .bits = 24}, {.base = address_of("fd00::"), .bits = 64}};
    open.servers = {"192.0.2.1"};
    open.members = {web};
    KnownNetwork closed = open;
    closed.internal = true;
    closed.members[0].short_id = "fedcba987654";  // another container
    return KnownNetworks{{"open", open}, {"closed", closed}};
  }();
  return known;
}

// What stands in an answer is read again as what was put there.
void check_answer(std::string_view query, const Question& question, const Answer& answer, size_t limit_bytes) {
  auto built = build_answer(query, question, answer, limit_bytes);
  const size_t bare_bytes = question.end + (question.has_edns ? 11 : 0);
  CTR_ASSERT(built.size() <= std::max(limit_bytes, bare_bytes));
  CTR_ASSERT(parse_query(built).kind == ParsedQuery::Kind::drop);
  CTR_ASSERT(answers_query(built, query));
  // The same as a question once more.
  built[2] = static_cast<char>(built[2] & 0x7f);
  const auto again = parse_query(built);
  CTR_ASSERT(again.kind == ParsedQuery::Kind::question && again.question.name == question.name);
  CTR_ASSERT(again.question.type == question.type && again.question.end == question.end);
}

void fuzz_query(std::string_view message) {
  const auto parsed = parse_query(message);
  if (parsed.kind == ParsedQuery::Kind::error) {
    CTR_ASSERT(parsed.code != Code::none);
    const auto built = build_error(message, parsed.code);
    CTR_ASSERT(built.size() == k_header_bytes && answers_query(built, message));
  }
  if (parsed.kind != ParsedQuery::Kind::question) return;
  const auto& question = parsed.question;
  CTR_ASSERT(question.end <= message.size() && question.name.size() < 255);
  CTR_ASSERT(question.udp_limit_bytes >= k_plain_udp_bytes);
  for (const char* network : {"open", "closed", "none"}) {
    for (const char* address : {"10.89.0.5", "10.89.0.9"}) {
      const auto verdict = decide(question, {network, address_of(address)}, networks(), message.size());
      if (verdict.kind == Verdict::Kind::forward) CTR_ASSERT(std::string_view(network) != "closed");
      if (verdict.kind != Verdict::Kind::answer) continue;
      check_answer(message, question, verdict.answer, question.udp_limit_bytes);
    }
  }
  Answer large;
  large.records.assign(100, address_data(address_of("10.89.0.5")));
  for (const size_t limit : {size_t{0}, question.udp_limit_bytes, k_message_limit_bytes}) {
    check_answer(message, question, large, limit);
  }
}

void fuzz_names(std::string_view name) {
  if (const auto data = name_data(name)) CTR_ASSERT(data->size() <= 255 && data->back() == '\0');
  if (const auto address = parse_reverse_name(name)) {
    CTR_ASSERT(address->family == (name.ends_with(".ip6.arpa") ? AF_INET6 : AF_INET));
  }
}

// The frames of a stream are its bytes.
void fuzz_stream(std::string_view bytes) {
  std::string rest(bytes);
  std::string taken;
  while (const auto frame = take_frame(rest)) taken += frame_message(*frame);
  CTR_ASSERT(taken + rest == bytes);
}

}  // namespace

void fuzz(std::string_view text) {
  fuzz_query(text);
  fuzz_names(text);
  fuzz_stream(text);
  const size_t half = text.size() / 2;
  (void)answers_query(text.substr(0, half), text.substr(half));
}
