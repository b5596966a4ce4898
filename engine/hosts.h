// The small files ctr puts into a container: /etc/hosts, /etc/resolv.conf and /run/.containerenv, as pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/spec.h"

namespace ctr::engine {

struct HostsInput {
  std::string base;                    // the host's /etc/hosts, empty for none
  std::vector<std::string> add_hosts;  // "name:ip"; several names are separated by ';'
  std::vector<std::string> own_names;  // hostname, name, short id
  std::string own_address;             // empty: the container has no address of its own
  std::string host_address;            // of host.containers.internal; empty: left out
};

// An IPv4 or IPv6 address.
bool is_ip_address(const std::string& text);

// The base file, --add-host, host.containers.internal, the container's own names. A name given by hand is dropped from
// what follows. "host-gateway" as an address stands for the host.
// Errors: invalid, naming the entry.
Result<std::string> hosts_file(const HostsInput& input);

// "name[;name…]:ip", the address an IPv4 or IPv6 one (brackets allowed) or "host-gateway". Errors: invalid.
struct HostEntry {
  std::vector<std::string> names;
  std::string address;
  bool operator==(const HostEntry&) const = default;
};
Result<HostEntry> parse_add_host(std::string_view text);

struct ResolvConf {
  std::vector<std::string> servers, search, options;
  bool operator==(const ResolvConf&) const = default;
};
ResolvConf parse_resolv_conf(std::string_view text);

struct ResolvInput {
  std::string host_text;                              // the host's /etc/resolv.conf
  std::vector<std::string> servers, search, options;  // by hand
  std::vector<std::string> forwarders;  // the resolver behind the container's network; empty: the host's are named
  std::string first_search;             // a domain in front of the list, unless that is to be empty
};
// Source: resolv.conf(5); docker's rule that a search list of "." means none.
std::string resolv_conf_file(const ResolvInput& input);

struct ContainerEnvInput {
  std::string version, name, id, image, image_id;
  bool rootless = true;
  bool privileged = false;
};
// Empty unless privileged, as podman writes it.
std::string container_env_file(const ContainerEnvInput& input);

}  // namespace ctr::engine
