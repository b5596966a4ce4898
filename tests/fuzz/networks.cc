// What is written down of networks and their members, and what the kernel and the host's resolv.conf say of them: what
// is accepted prints as a text that reads the same.
#include <sys/socket.h>

#include "engine/hosts.h"
#include "engine/network/definition.h"
#include "engine/network/host_resolver.h"
#include "engine/network/members.h"
#include "engine/network/port_holder.h"
#include "engine/network/prefix.h"
#include "engine/port_words.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace ctr;                   // NOLINT(google-build-using-namespace): a test
using namespace ctr::engine;           // NOLINT(google-build-using-namespace): a test
using namespace ctr::engine::network;  // NOLINT(google-build-using-namespace): a test

void fuzz_definition(std::string_view text) {
  const auto json = parse_json(text, "definition");
  if (!json) return;
  const auto definition = definition_from_json(JsonReader(*json, "definition"));
  if (!definition) return;
  const auto document = to_json(*definition);
  const auto again = definition_from_json(JsonReader(document, "definition"));
  CTR_ASSERT(again && *again == *definition);
  CTR_ASSERT(definition->mtu_bytes() <= 65535);
  (void)definition->metric();
  (void)definition->has_default_route();
  (void)definition->names_address();
  if (check_definition(*definition)) CTR_ASSERT(check_network_name(definition->name));
}

void fuzz_members(std::string_view text) {
  const auto members = parse_members(text);
  CTR_ASSERT(parse_members(format_members(members)) == members);
  const auto names = parse_names(text);
  CTR_ASSERT(parse_names(format_names(names)) == names);
}

void fuzz_addresses(std::string_view text) {
  if (const auto address = parse_ip_address(text))
    CTR_ASSERT(parse_ip_address(address->to_string()).value() == *address);
  if (const auto mac = parse_mac(text)) CTR_ASSERT(parse_mac(to_string(*mac)).value() == *mac);
  if (const auto prefix = parse_prefix(text)) {
    CTR_ASSERT(parse_prefix(to_string(*prefix)).value() == *prefix);
    CTR_ASSERT(contains(*prefix, prefix->base) && contains(*prefix, last_address(*prefix)));
    CTR_ASSERT(!is_below(last_address(*prefix), prefix->base));
  }
}

void fuzz_tables(std::string_view text) {
  for (const auto& prefix : routed_prefixes(text, text)) CTR_ASSERT(parse_prefix(to_string(prefix)));
  for (const int family : {AF_INET, AF_INET6}) (void)has_default_route(text, family);
  PublishedPort port;
  port.host_port = 80;
  (void)find_socket(text, port);
  for (const auto& server : name_servers(text)) CTR_ASSERT(parse_ip_address(server));
  ResolvInput input;
  input.host_text = text;
  (void)resolv_conf_file(input);
}

void fuzz_words(std::string_view text) {
  if (const auto mappings = parse_publish(text)) {
    (void)combine_mappings(*mappings);
    (void)ports_text(*mappings, {});
  }
  (void)parse_expose(text);
  if (const auto entry = parse_add_host(text)) CTR_ASSERT(!entry->names.empty());
}

}  // namespace

void fuzz(std::string_view text) {
  fuzz_definition(text);
  fuzz_members(text);
  fuzz_addresses(text);
  fuzz_tables(text);
  fuzz_words(text);
}
