#include <sys/socket.h>

#include <random>

#include "base/text.h"
#include "engine/network/prefix.h"
#include "engine/network/proxy/dns_answer.h"
#include "engine/network/proxy/dns_message.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine::network;
using namespace ctr::engine::network::dns;

namespace {

std::string query_text(std::string_view name, uint16_t type, std::string_view rest = {}) {
  std::string out("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", k_header_bytes);
  for (const auto& label : split(name, '.')) {
    out += static_cast<char>(label.size());
    out += label;
  }
  out += '\0';
  out += static_cast<char>(type >> 8);
  out += static_cast<char>(type & 0xff);
  out.append("\0\1", 2);
  if (!rest.empty()) out[11] = 1;
  return out.append(rest);
}

std::string edns(uint16_t size) {
  std::string out("\0\0\x29", 3);
  out += static_cast<char>(size >> 8);
  out += static_cast<char>(size & 0xff);
  return out.append(6, '\0');
}

Question question(std::string_view name, uint16_t type) {
  const auto parsed = parse_query(query_text(name, type));
  REQUIRE(parsed.kind == ParsedQuery::Kind::question);
  return parsed.question;
}

IpAddress address(std::string_view text) { return *parse_ip_address(text); }

const KnownNetworks& networks() {
  static const KnownNetworks known = {
      {"front",
       {.internal = false,
        .subnets = {*parse_prefix("10.89.0.0/24"), *parse_prefix("fd5c::/64")},
        .servers = {},
        .members = parse_names("10.89.0.2 fd5c::2 web www aaaaaaaaaaaa\n10.89.0.3 - other www bbbbbbbbbbbb\n"
                               "10.89.0.4 - Cap - cccccccccccc 192.0.2.9\n")}},
      {"back",
       {.internal = true,
        .subnets = {*parse_prefix("10.89.1.0/24")},
        .servers = {},
        .members = parse_names("10.89.1.2 - web - aaaaaaaaaaaa\n10.89.1.3 - db - dddddddddddd\n")}},
      {"apart",
       {.internal = false,
        .subnets = {},
        .servers = {"192.0.2.53"},
        .members = parse_names("10.89.2.2 - secret - eeeeeeeeeeee\n")}}};
  return known;
}

Verdict ask(std::string_view name, uint16_t type, std::string_view network, std::string_view from, size_t turn = 0) {
  return decide(question(name, type), {std::string(network), address(from)}, networks(), turn);
}

std::vector<std::string> addresses_of(const Verdict& verdict) {
  std::vector<std::string> out;
  for (const auto& data : verdict.answer.records) {
    IpAddress found;
    found.family = data.size() == 4 ? AF_INET : AF_INET6;
    std::copy(data.begin(), data.end(), found.bytes.begin());
    out.push_back(found.to_string());
  }
  return out;
}

using Kind = Verdict::Kind;
using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a question is read whatever its case", "[names]") {
  const auto parsed = question("WeB.Example", k_type_a);
  CHECK(parsed.name == "web.example");
  CHECK(parsed.type == k_type_a);
  CHECK_FALSE(parsed.has_edns);
  CHECK(parsed.udp_limit_bytes == 512);
}

TEST_CASE("what an asker says of its buffer counts within bounds", "[names]") {
  CHECK(parse_query(query_text("a", 1, edns(900))).question.udp_limit_bytes == 900);
  CHECK(parse_query(query_text("a", 1, edns(65535))).question.udp_limit_bytes == 1232);
  CHECK(parse_query(query_text("a", 1, edns(1))).question.udp_limit_bytes == 512);
  CHECK(parse_query(query_text("a", 1, edns(900))).question.has_edns);
}

TEST_CASE("what is no question is answered with a code, or not at all", "[names]") {
  auto text = query_text("web", 1);
  text[2] = static_cast<char>(0x80);
  CHECK(parse_query(text).kind == ParsedQuery::Kind::drop);
  CHECK(parse_query("short").kind == ParsedQuery::Kind::drop);
  text[2] = 0x28;  // an update
  CHECK(parse_query(text).code == Code::not_implemented);
  text = query_text("web", 1);
  text[5] = 2;
  CHECK(parse_query(text).code == Code::format_error);
  // A pointer, of which a question that does not point into itself has no use.
  text = std::string("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\0\1\0\1", 18);
  CHECK(parse_query(text).code == Code::format_error);
  CHECK(build_error(text, Code::format_error) == std::string("\x12\x34\x81\x81\0\0\0\0\0\0\0\0", 12));
}

TEST_CASE("names longer than DNS allows are no questions", "[names]") {
  std::string name;
  for (int i = 0; i < 50; ++i) name += "abcd.";
  CHECK(parse_query(query_text(name + "ab", 1)).kind == ParsedQuery::Kind::question);
  CHECK(parse_query(query_text(name + "abcdef", 1)).kind == ParsedQuery::Kind::error);
}

TEST_CASE("an answer has the question and a record for each address", "[names]") {
  const auto query = query_text("Web", k_type_a);
  const auto parsed = parse_query(query).question;
  Answer answer;
  answer.records = {address_data(address("10.89.0.2"))};
  const auto text = build_answer(query, parsed, answer, 512);
  CHECK(text == std::string("\x12\x34\x85\x80\0\1\0\1\0\0\0\0"
                            "\3Web\0\0\1\0\1"
                            "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\x59\0\2",
                            12 + 9 + 16));
  CHECK(answers_query(text, query));
  CHECK_FALSE(answers_query(text, query_text("other", k_type_a)));
}

TEST_CASE("an answer that does not fit says that it is cut", "[names]") {
  const auto query = query_text("web", k_type_aaaa, edns(512));
  const auto parsed = parse_query(query).question;
  Answer answer;
  answer.records.assign(40, address_data(address("fd00::1")));
  const auto text = build_answer(query, parsed, answer, parsed.udp_limit_bytes);
  CHECK(text.size() <= 512);
  CHECK((text[2] & 0x02) != 0);
  CHECK(static_cast<unsigned char>(text[7]) == (512 - 12 - 9 - 11) / 28);
  CHECK((build_answer(query, parsed, answer, k_message_limit_bytes)[2] & 0x02) == 0);
}

TEST_CASE("mutated messages are read within their bounds", "[names]") {
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  const auto whole = query_text("www.example.ctr.internal", k_type_a, edns(1400));
  for (int i = 0; i < 20000; ++i) {
    auto text = whole.substr(0, random() % (whole.size() + 1));
    for (auto n = random() % 6; n > 0 && !text.empty(); --n) {
      text[random() % text.size()] = static_cast<char>(random() & 0xff);
    }
    // On the heap exactly, so that a sanitizer sees a byte too many.
    const std::vector<char> exact(text.begin(), text.end());
    const std::string_view view(exact.data(), exact.size());
    const auto parsed = parse_query(view);
    (void)answers_query(view, whole);
    (void)answers_query(whole, view);
    if (parsed.kind == ParsedQuery::Kind::error) CHECK(build_error(view, parsed.code).size() == k_header_bytes);
    if (parsed.kind != ParsedQuery::Kind::question) continue;
    CHECK(parsed.question.end <= view.size());
    const auto verdict = decide(parsed.question, {"front", address("10.89.0.2")}, networks(), 0);
    CHECK(build_answer(view, parsed.question, verdict.answer, parsed.question.udp_limit_bytes).size() <= 1232);
  }
}

TEST_CASE("frames come whole", "[names]") {
  std::string buffer = frame_message("abc") + frame_message("") + std::string("\0\2x", 3);
  CHECK(take_frame(buffer) == "abc");
  CHECK(take_frame(buffer)->empty());
  CHECK_FALSE(take_frame(buffer));
  buffer += 'y';
  CHECK(take_frame(buffer) == "xy");
  CHECK(buffer.empty());
}

TEST_CASE("reverse names are read for both families", "[names]") {
  CHECK(parse_reverse_name("5.0.89.10.in-addr.arpa") == address("10.89.0.5"));
  CHECK_FALSE(parse_reverse_name("05.0.89.10.in-addr.arpa"));
  CHECK_FALSE(parse_reverse_name("256.0.89.10.in-addr.arpa"));
  CHECK_FALSE(parse_reverse_name("0.89.10.in-addr.arpa"));
  CHECK(parse_reverse_name("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.5.d.f.ip6.arpa") ==
        address("fd5c::2"));
  CHECK_FALSE(parse_reverse_name("2.ip6.arpa"));
}

TEST_CASE("members are found by name, alias and short id, with and without our domains", "[names]") {
  for (const char* name : {"other", "bbbbbbbbbbbb", "other.ctr.internal", "other.dns.podman"}) {
    CHECK(addresses_of(ask(name, k_type_a, "front", "10.89.0.2")) == Words{"10.89.0.3"});
  }
  CHECK(addresses_of(ask("cap", k_type_a, "front", "10.89.0.2")) == Words{"10.89.0.4"});
  CHECK(addresses_of(ask("web", k_type_aaaa, "front", "10.89.0.3")) == Words{"fd5c::2"});
}

TEST_CASE("all who have an alias are answered, each first in turn", "[names]") {
  CHECK(addresses_of(ask("www", k_type_a, "front", "10.89.0.4", 0)) == Words{"10.89.0.2", "10.89.0.3"});
  CHECK(addresses_of(ask("www", k_type_a, "front", "10.89.0.4", 1)) == Words{"10.89.0.3", "10.89.0.2"});
}

TEST_CASE("a known name with no record of the type is no error", "[names]") {
  for (uint16_t type : {uint16_t{28}, uint16_t{15}, uint16_t{255}, uint16_t{65}}) {
    const auto verdict = ask("other", type, "front", "10.89.0.2");
    CHECK(verdict.kind == Kind::answer);
    CHECK(verdict.answer.code == Code::none);
    CHECK(verdict.answer.records.empty());
  }
}

TEST_CASE("an asker sees its own networks alone", "[names]") {
  CHECK(addresses_of(ask("db", k_type_a, "front", "10.89.0.2")) == Words{"10.89.1.3"});
  CHECK(addresses_of(ask("web", k_type_a, "front", "10.89.0.2")) == Words{"10.89.1.2", "10.89.0.2"});
  CHECK(ask("db", k_type_a, "front", "10.89.0.3").kind == Kind::forward);
  CHECK(ask("secret", k_type_a, "front", "10.89.0.2").kind == Kind::forward);
  CHECK(ask("secret.ctr.internal", k_type_a, "front", "10.89.0.2").answer.code == Code::name_error);
}

TEST_CASE("who has internal networks alone asks nobody outside", "[names]") {
  CHECK(ask("example.com", k_type_a, "back", "10.89.1.3").answer.code == Code::refused);
  CHECK(ask("host.containers.internal", k_type_a, "back", "10.89.1.3").answer.code == Code::name_error);
  CHECK(ask("example.com", k_type_a, "back", "10.89.1.2").kind == Kind::forward);
}

TEST_CASE("other names go to the servers of the member, of its networks, or of the host", "[names]") {
  CHECK(ask("example.com", k_type_a, "front", "10.89.0.4").servers == Words{"192.0.2.9"});
  CHECK(ask("example.com", k_type_a, "apart", "10.89.2.2").servers == Words{"192.0.2.53"});
  CHECK(ask("example.com", k_type_a, "front", "10.89.0.3").servers.empty());
  CHECK(ask("host.containers.internal", k_type_a, "front", "10.89.0.3").kind == Kind::host_address);
}

TEST_CASE("addresses of the networks have names, and are nobody else's matter", "[names]") {
  const auto verdict = ask("2.0.89.10.in-addr.arpa", k_type_ptr, "front", "10.89.0.3");
  CHECK(verdict.answer.records == Words{std::string("\3web\3ctr\10internal\0", 18)});
  CHECK(ask("99.0.89.10.in-addr.arpa", k_type_ptr, "front", "10.89.0.3").answer.code == Code::name_error);
  CHECK(ask("1.2.0.192.in-addr.arpa", k_type_ptr, "front", "10.89.0.3").kind == Kind::forward);
}
