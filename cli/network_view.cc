#include "cli/network_view.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ctr::cli {
namespace {

constexpr size_t k_short_id_digits = 12;

}  // namespace

Json network_document(const engine::NetworkInfo& network) {
  Json out = Json::object();
  for (const char* key :
       {"name", "id", "driver", "network_interface", "created", "subnets", "routes", "ipv6_enabled", "internal",
        "dns_enabled", "network_dns_servers", "labels", "options", "ipam_options", "containers"}) {
    const Json* value = network.definition.find(key);
    const std::string_view name = key;
    const bool is_list = name == "subnets" || name == "routes" || name == "network_dns_servers";
    out.set(key, value != nullptr ? *value : is_list ? Json::array() : Json::object());
  }
  return out.set("created", format_go_time(network.created));
}

Json network_row(const engine::NetworkInfo& network, NetworkIds ids) {
  Json out = network_document(network);
  out.set("id", ids == NetworkIds::whole ? network.id : network.id.substr(0, k_short_id_digits));
  std::vector<std::string> labels;
  for (const auto& [key, value] : network.labels) labels.push_back(fmt::format("{}={}", key, value));
  return out.set("labels", join(labels, ","));
}

Listing network_inspect_listing() {
  Listing listing;
  listing.name = "inspect";
  listing.types.root = "entities.NetworkInspectReport";
  listing.types.maps = {"labels", "options", "ipam_options", "containers", "interfaces",
                        "Labels", "Options", "IPAMOptions",  "Containers", "Interfaces"};
  listing.types.aliases = {{"Name", "name"},
                           {"ID", "id"},
                           {"Driver", "driver"},
                           {"NetworkInterface", "network_interface"},
                           {"Created", "created"},
                           {"Subnets", "subnets"},
                           {"Subnet", "subnet"},
                           {"Gateway", "gateway"},
                           {"LeaseRange", "lease_range"},
                           {"StartIP", "start_ip"},
                           {"EndIP", "end_ip"},
                           {"Routes", "routes"},
                           {"Destination", "destination"},
                           {"Metric", "metric"},
                           {"IPv6Enabled", "ipv6_enabled"},
                           {"Internal", "internal"},
                           {"DNSEnabled", "dns_enabled"},
                           {"NetworkDNSServers", "network_dns_servers"},
                           {"Labels", "labels"},
                           {"Options", "options"},
                           {"IPAMOptions", "ipam_options"},
                           {"Containers", "containers"},
                           {"Interfaces", "interfaces"},
                           {"MacAddress", "mac_address"},
                           {"IPNet", "ipnet"}};
  return listing;
}

Listing network_listing() {
  Listing listing = network_inspect_listing();
  listing.name = "ls";
  listing.types.root = "networks.ListPrintReports";
  listing.types.maps.erase("labels");
  listing.types.maps.erase("Labels");
  listing.columns = {"id", "name", "driver"};
  listing.headings = {{"id", "NETWORK ID"}, {"ID", "NETWORK ID"}, {"name", "NAME"}, {"driver", "DRIVER"}};
  return listing;
}

}  // namespace ctr::cli
