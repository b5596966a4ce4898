#include "engine/transport.h"

#include <fmt/format.h>

#include <array>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::engine {
namespace {

struct TransportName {
  std::string_view name;
  Transport transport;
};
constexpr std::array k_transports = {
    TransportName{"docker", Transport::registry},
    TransportName{"docker-archive", Transport::docker_archive},
    TransportName{"oci-archive", Transport::oci_archive},
    TransportName{"oci", Transport::oci},
    TransportName{"dir", Transport::dir},
};

struct Foreign {
  std::string_view name;
  std::string_view hint;
};
constexpr std::array k_foreign = {
    Foreign{"containers-storage", "save the image with podman and give the archive to 'ctr load'"},
    Foreign{"docker-daemon", "save the image with docker and give the archive to 'ctr load'"},
    Foreign{"ostree", ""},
    Foreign{"sif", ""},
    Foreign{"tarball", "use 'ctr import'"},
    Foreign{"atomic", ""},
};

const TransportName* find_transport(std::string_view text) {
  for (const auto& known : k_transports) {
    if (text.starts_with(known.name) && text.substr(known.name.size()).starts_with(':')) return &known;
  }
  return nullptr;
}

}  // namespace

std::string_view transport_name(Transport transport) {
  for (const auto& known : k_transports) {
    if (known.transport == transport) return known.name;
  }
  return "";
}

Result<ImageLocation> parse_location(std::string_view text) {
  for (const auto& foreign : k_foreign) {
    if (!text.starts_with(foreign.name) || !text.substr(foreign.name.size()).starts_with(':')) continue;
    return Error(Errc::unsupported,
                 fmt::format("'{}': the transport '{}' is not supported", printable(text), foreign.name))
        .with_hint(std::string(foreign.hint));
  }
  ImageLocation location;
  const auto* known = find_transport(text);
  if (known == nullptr || known->transport == Transport::registry) {
    // "docker:1.2" is an image called docker; the transport has slashes behind it.
    constexpr std::string_view k_prefix = "docker://";
    location.reference = text.substr(text.starts_with(k_prefix) ? k_prefix.size() : 0);
    return location;
  }
  location.transport = known->transport;
  std::string_view rest = text.substr(known->name.size() + 1);
  const size_t colon = known->transport == Transport::dir ? std::string_view::npos : rest.find(':');
  location.path = rest.substr(0, colon);
  if (location.path.empty()) {
    return Error(Errc::invalid, fmt::format("'{}': '{}:' needs a path", printable(text), known->name));
  }
  if (colon == std::string_view::npos) return location;
  rest.remove_prefix(colon + 1);
  if (rest.starts_with('@')) {
    location.index = TRY(parse_unsigned(rest.substr(1), "the index of an image in an archive", 1'000'000));
  } else {
    location.name = rest;
  }
  return location;
}

std::string location_text(const ImageLocation& location) {
  if (location.transport == Transport::registry) return "docker://" + location.reference;
  auto text = fmt::format("{}:{}", transport_name(location.transport), location.path);
  if (location.index) return fmt::format("{}:@{}", text, *location.index);
  return location.name.empty() ? text : text + ":" + location.name;
}

bool is_local(std::string_view text) {
  const auto* known = find_transport(text);
  return known != nullptr && known->transport != Transport::registry;
}

}  // namespace ctr::engine
