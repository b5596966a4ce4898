// port, port add, port rm.
#include <fmt/format.h>

#include "base/parse.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "engine/container_verbs.h"
#include "engine/port_words.h"

namespace ctr::cli {
namespace {

constexpr std::array k_port_options = {flag("all", 'a', "All containers")};

constexpr uint64_t k_last_port = 65535;

struct WantedPort {
  uint64_t port = 0;
  std::string protocol;  // empty: any
};

// "80" or "80/udp".
Result<WantedPort> parse_port(const std::string& text) {
  const auto fields = split(text, '/');
  if (fields.size() > 2) {
    return Error(Errc::invalid, fmt::format("port formats are port/protocol. '{}' is invalid", printable(text)));
  }
  WantedPort wanted;
  wanted.port = TRY(parse_unsigned(fields.front(), "the port", k_last_port));
  wanted.protocol = fields.size() == 2 ? fields.back() : "tcp";
  return wanted;
}

std::string mapping_line(const engine::PortMapping& mapping, uint16_t offset) {
  const auto address =
      engine::shown_address(engine::shown_host_ip(mapping), static_cast<uint16_t>(mapping.host_port + offset));
  return fmt::format("{}/{} -> {}", mapping.container_port + offset, mapping.protocol, address);
}

// A line for each port. Only what runs is reached anywhere.
void print_all(Output& output, const engine::ContainerInfo& info, const std::string& prefix) {
  if (info.pid <= 0) return;
  for (const auto& mapping : info.spec.ports) {
    for (uint16_t i = 0; i < mapping.range; ++i) output.line(prefix + mapping_line(mapping, i));
  }
}

Result<int> print_one(Output& output, const engine::ContainerInfo& info, const std::string& text) {
  const auto wanted = TRY(parse_port(text));
  if (info.pid <= 0 || info.spec.ports.empty()) return 0;
  bool found = false;
  for (const auto& mapping : info.spec.ports) {
    if (mapping.protocol != wanted.protocol || wanted.port < mapping.container_port ||
        wanted.port >= uint64_t{mapping.container_port} + mapping.range) {
      continue;
    }
    const auto port = static_cast<uint16_t>(mapping.host_port + (wanted.port - mapping.container_port));
    output.line(engine::shown_address(engine::shown_host_ip(mapping), port));
    found = true;
  }
  if (found) return 0;
  return Error(Errc::not_found, fmt::format("failed to find published port \"{}\"", printable(text)));
}

Result<int> port(Context& context, const Args& args) {
  const auto& words = args.words();
  const bool all = args.flag("all");
  const bool latest = args.flag("latest");
  if (all && latest) return Error(Errc::invalid, "--all and --latest cannot be used together");
  if (all && !words.empty()) return Error(Errc::invalid, "no arguments are needed with --all");
  if (words.empty() && !all && !latest) return Error(Errc::invalid, "you must supply a running container name or id");
  const size_t before_port = latest ? 0 : 1;
  if (words.size() > before_port + 1) {
    return Error(Errc::invalid, "give one port only").with_hint("without a port all of them are listed");
  }
  if (words.size() > before_port) TRY(parse_port(words.back()));
  if (all) {
    auto* engine = TRY(context.engine());
    for (const auto& info : TRY(engine->list_containers())) {
      print_all(context.output(), info, info.id.hex.substr(0, 12) + "\t");
    }
    return 0;
  }
  const auto one = TRY(one_container(context, args));
  if (words.size() > before_port) return print_one(context.output(), one.info, words.back());
  print_all(context.output(), one.info, "");
  return 0;
}

// The words behind the container's name.
Result<std::vector<engine::PortMapping>> parse_mappings(const std::vector<std::string>& words) {
  std::vector<engine::PortMapping> mappings;
  for (size_t i = 1; i < words.size(); ++i) {
    for (auto& mapping : TRY(engine::parse_publish(words[i]))) mappings.push_back(std::move(mapping));
  }
  return mappings;
}

Result<int> add(Context& context, const Args& args) {
  const auto mappings = TRY(parse_mappings(args.words()));
  auto* engine = TRY(context.engine());
  for (const auto& mapping : TRY(engine::container_verbs(*engine).add_ports(args.words().front(), mappings))) {
    for (uint16_t i = 0; i < mapping.range; ++i) context.output().line(mapping_line(mapping, i));
  }
  return 0;
}

Result<int> rm(Context& context, const Args& args) {
  const auto mappings = TRY(parse_mappings(args.words()));
  auto* engine = TRY(context.engine());
  TRY(engine::container_verbs(*engine).remove_ports(args.words().front(), mappings));
  return 0;
}

constexpr std::string_view k_port_aliases[] = {"container port"};

}  // namespace

constexpr Command k_port_command = {.name = "port",
                                    .aliases = k_port_aliases,
                                    .usage = "[options] CONTAINER [PORT[/PROTOCOL]]",
                                    .summary = "List the published ports of a container",
                                    .options = {group<k_port_options>, latest_options},
                                    .complete = Complete::containers,
                                    .run = port};

constexpr Command k_port_add_command = {.name = "port add",
                                        .aliases = {},
                                        .usage = "CONTAINER|POD [[IP:]HOST:]PORT[/PROTOCOL]...",
                                        .summary = "Publish more ports of a container or pod, also while it runs",
                                        .least_words = 2,
                                        .complete = Complete::containers,
                                        .run = add};

constexpr Command k_port_rm_command = {.name = "port rm",
                                       .aliases = {},
                                       .usage = "CONTAINER|POD [[IP:]HOST:]PORT[/PROTOCOL]...",
                                       .summary = "Take published ports of a container or pod back, also while it runs",
                                       .least_words = 2,
                                       .complete = Complete::containers,
                                       .run = rm};

}  // namespace ctr::cli
