#include "engine/port_words.h"

#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;

namespace {

PortMapping mapping(const std::string& ip, int host, int container, int range = 1,
                    const std::string& protocol = "tcp") {
  return {ip, static_cast<uint16_t>(host), static_cast<uint16_t>(container), static_cast<uint16_t>(range), protocol};
}

PortMapping only(std::string_view text) {
  const auto parsed = parse_publish(text);
  REQUIRE(parsed);
  REQUIRE(parsed->size() == 1);
  return parsed->front();
}

std::string refusal(std::string_view text) {
  const auto parsed = parse_publish(text);
  REQUIRE_FALSE(parsed);
  return parsed.error().text();
}

}  // namespace

TEST_CASE("every form of --publish is understood", "[ports]") {
  CHECK(only("80") == mapping("", 0, 80));
  CHECK(only("0:80") == mapping("", 0, 80));
  CHECK(only(":80") == mapping("", 0, 80));
  CHECK(only("8080:80") == mapping("", 8080, 80));
  CHECK(only("8080:80/udp") == mapping("", 8080, 80, 1, "udp"));
  CHECK(only("8080:80/TCP") == mapping("", 8080, 80));
  CHECK(only("8000-8002:80-82") == mapping("", 8000, 80, 3));
  CHECK(only("80-82") == mapping("", 0, 80, 3));
  CHECK(only("127.0.0.1:8080:80") == mapping("127.0.0.1", 8080, 80));
  CHECK(only("127.0.0.1::80") == mapping("127.0.0.1", 0, 80));
  CHECK(only("0.0.0.0:8080:80") == mapping("0.0.0.0", 8080, 80));
  CHECK(only("[::1]:8080:80") == mapping("::1", 8080, 80));
  CHECK(only("[0:0::1]::80/udp") == mapping("::1", 0, 80, 1, "udp"));
}

TEST_CASE("one word publishes for both protocols", "[ports]") {
  const auto both = parse_publish("53:53/tcp,udp");
  REQUIRE(both);
  CHECK(*both == std::vector{mapping("", 53, 53), mapping("", 53, 53, 1, "udp")});
}

TEST_CASE("what is no port is refused in the words that are known", "[ports]") {
  CHECK(refusal("") == "must provide a non-empty container port to publish");
  CHECK(refusal("80:") == "must provide a non-empty container port to publish");
  CHECK(refusal("80/tcp/udp") == "invalid port format - protocol can only be specified once");
  CHECK(refusal("80/") == "must provide a non-empty protocol to publish");
  CHECK(refusal("80/icmp") == "unrecognized protocol \"icmp\" in port mapping");
  CHECK(refusal("80/sctp") == "ports of protocol sctp cannot be published");
  CHECK(refusal("1:2:3:4") == "invalid port format - format is [[hostIP:]hostPort:]containerPort");
  CHECK(refusal(":80:80") == "must provide a non-empty container host IP to publish");
  CHECK(refusal("host:80:80") == "cannot parse \"host\" as an IP address");
  CHECK(refusal("[::1]:80") == "invalid port format - must provide host and destination port if specifying an IP");
  CHECK(refusal("::1]:80:80") == "invalid port format - IPv6 addresses must be enclosed by []");
  CHECK(refusal("[::1]80:80") == "invalid port format - IPv6 address must be followed by a colon (':')");
  CHECK(refusal("[::1]:1:2:3") == "invalid port format - when v6 address specified, must be [ipv6]:hostPort:ctrPort");
  CHECK(refusal("[::1]:80:[::1]:80") ==
        "invalid port format - at most one IPv6 address can be specified in a --publish");
  CHECK(refusal("80:http") == "parsing container port: invalid port number: 'http'");
  CHECK(refusal("99999:80") == "parsing host port: port numbers must be between 1 and 65535 (inclusive), got 99999");
  CHECK(refusal("80:0") == "parsing container port: port numbers must be between 1 and 65535 (inclusive), got 0");
  CHECK(refusal("80:-80") == "parsing container port: port numbers cannot be negative");
  CHECK(refusal("80:80-") == "parsing container port: must provide ending number for port range");
  CHECK(refusal("80:80-81-82") ==
        "parsing container port: invalid port format - port ranges are formatted as startPort-stopPort");
  CHECK(
      refusal("80:81-80") ==
      "parsing container port: the end port of a range must be higher than the start port - 80 is not higher than 81");
  CHECK(refusal("80-82:80-81") == "host and container port ranges have different lengths: 3 vs 2");
}

TEST_CASE("an exposed port has a protocol and may be a range", "[ports]") {
  CHECK(parse_expose("80").value() == ExposedPort{80, 1, "tcp"});
  CHECK(parse_expose("80-90/udp").value() == ExposedPort{80, 11, "udp"});
  CHECK_FALSE(parse_expose("80/tcp/udp"));
  CHECK_FALSE(parse_expose("http"));
  CHECK_FALSE(parse_expose(""));
}

TEST_CASE("a port of the host leads to one place", "[ports]") {
  const std::vector same = {mapping("", 80, 80), mapping("", 80, 80)};
  CHECK(combine_mappings(same).value().size() == 1);
  CHECK(combine_mappings({mapping("", 80, 80), mapping("127.0.0.1", 80, 81)}).value().size() == 2);
  CHECK(combine_mappings({mapping("", 80, 80), mapping("", 80, 80, 1, "udp")}).value().size() == 2);
  CHECK(combine_mappings({mapping("", 0, 80), mapping("", 0, 81)}).value().size() == 2);
  const auto conflict = combine_mappings({mapping("", 80, 80, 3), mapping("", 82, 90)});
  REQUIRE_FALSE(conflict);
  CHECK(conflict.error().text() == "conflicting port mappings for host port 82 (protocol tcp)");
}

TEST_CASE("a listing tells neighbours as a range and exposed ports behind", "[ports]") {
  CHECK(ports_text({}, {}).empty());
  CHECK(ports_text({mapping("", 8001, 81), mapping("", 8000, 80), mapping("", 9000, 90)}, {}) ==
        "0.0.0.0:8000-8001->80-81/tcp, 0.0.0.0:9000->90/tcp");
  CHECK(ports_text({mapping("::1", 8080, 80)}, {{80, 1, "tcp"}, {81, 2, "udp"}}) == "[::1]:8080->80/tcp, 81-82/udp");
  CHECK(ports_text({mapping("127.0.0.1", 18080, 80, 1, "udp"), mapping("", 5, 5)}, {}) ==
        "0.0.0.0:5->5/tcp, 127.0.0.1:18080->80/udp");
}
