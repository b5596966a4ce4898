// network create, exists, inspect, ls, prune, rm and update.
#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/commands/prune.h"
#include "cli/inspect_view.h"
#include "cli/network_view.h"
#include "cli/output.h"
#include "engine/network_verbs.h"
#include "engine/system_verbs.h"

namespace ctr::cli {
namespace {

using engine::NetworkInfo;

constexpr std::array k_create_options = {
    flag("disable-dns", 0, "Containers do not find each other by name"),
    list("dns", 0, "ADDRESS", "Server that is asked for names outside of the network"),
    value("driver", 'd', "DRIVER", "Only bridge is supported"),
    list("gateway", 0, "ADDRESS", "The network's own address in the subnet named before"),
    flag("ignore", 0, "A network that exists already is no error"),
    value("interface-name", 0, "NAME", "What the network's bridge is called"),
    flag("internal", 0, "No way out of the network"),
    list("ip-range", 0, "RANGE", "What containers get addresses from: a subnet, or FIRST-LAST"),
    value("ipam-driver", 0, "DRIVER", "Who gives addresses: host-local or none"),
    flag("ipv6", 0, "IPv6, too"),
    list("label", 0, "KEY=VALUE", "Label of the network"),
    list("opt", 'o', "KEY=VALUE", "mtu, metric, no_default_route or isolate"),
    list("route", 0, "ROUTE", "Route of each container: SUBNET,GATEWAY[,METRIC]"),
    list("subnet", 0, "SUBNET", "Addresses of the network, like 10.89.7.0/24"),
};
constexpr std::array k_ls_options = {
    value("format", 0, "FORMAT", "json, or a Go template; with \"table \" in front it has headings"),
    flag("no-trunc", 0, "Whole ids"),
    flag("noheading", 'n', "No headings"),
    flag("quiet", 'q', "Only names"),
};
constexpr std::array k_inspect_options = {
    value("format", 'f', "FORMAT", "json, or a Go template that is printed for each network"),
};
constexpr std::array k_rm_options = {
    flag("force", 'f', "Remove the containers that use it first; what does not exist is no error"),
    value("time", 't', "SECONDS", "With --force: time between the stop signal and SIGKILL"),
};
constexpr std::array k_prune_options = {
    flag("force", 'f', "Do not ask"),
};
constexpr std::array k_update_options = {
    list("dns-add", 0, "ADDRESS", "Ask this server, too, for names outside of the network"),
    list("dns-drop", 0, "ADDRESS", "Do not ask this server any more"),
};

Result<int> create(Context& context, const Args& args) {
  engine::NetworkOptions options;
  if (!args.words().empty()) options.name = args.words().front();
  options.driver = args.text("driver");
  options.ipam_driver = args.text("ipam-driver");
  options.interface_name = args.text("interface-name");
  options.subnets = args.list("subnet");
  options.gateways = args.list("gateway");
  options.ranges = args.list("ip-range");
  options.routes = args.list("route");
  options.dns_servers = args.list("dns");
  options.labels = TRY(key_values(args.list("label"), "label"));
  options.options = TRY(key_values(args.list("opt"), "option"));
  options.internal = args.flag("internal");
  options.ipv6 = args.flag("ipv6");
  options.disable_dns = args.flag("disable-dns");
  options.ignore_existing = args.flag("ignore");
  auto* engine = TRY(context.engine());
  context.output().line(TRY(engine::network_verbs(*engine).create(options)));
  return 0;
}

Result<int> ls(Context& context, const Args& args) {
  const std::string format = args.text("format");
  if (args.flag("quiet") && args.has("format")) {
    return Error(Errc::invalid, "quiet and format flags cannot be used together");
  }
  auto* engine = TRY(context.engine());
  const auto networks = TRY(engine::network_verbs(*engine).list(TRY(parse_filters(args))));
  Output& output = context.output();
  Json rows = Json::array();
  if (args.flag("quiet")) {
    for (const auto& network : networks) output.line(network.name);
  } else if (is_json_format(format)) {
    for (const auto& network : networks) rows.push(network.definition);
    output.print(pretty(rows, 2));
  } else {
    const auto ids = args.flag("no-trunc") ? NetworkIds::whole : NetworkIds::shortened;
    for (const auto& network : networks) rows.push(network_row(network, ids));
    const auto heading = args.flag("noheading") ? Heading::no : Heading::yes;
    output.print(TRY(print_listing(network_listing(), format, rows, heading)));
  }
  return 0;
}

Result<int> inspect(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const std::string format = args.text("format");
  const bool json = format.empty() || is_json_format(format);
  Json documents = Json::array();
  std::vector<Error> errors;
  for (const auto& name : args.words()) {
    auto found = engine::network_verbs(*engine).find(name);
    if (found) {
      documents.push(json ? found->definition : network_document(*found));
    } else {
      const bool missing = found.error().code() == Errc::not_found;
      auto error = std::move(found).error();
      if (missing) error = std::move(error).context(fmt::format("network {}", printable(name)));
      errors.push_back(std::move(error).context("inspecting object"));
    }
  }
  context.output().print(TRY(print_documents(network_inspect_listing(), documents, format)));
  for (const auto& error : errors) context.output().error(error);
  return errors.empty() ? 0 : 125;
}

Result<int> exists(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  return existence(engine::network_verbs(*engine).find(args.words().front()));
}

Result<int> rm(Context& context, const Args& args) {
  const engine::RemoveOptions options{args.flag("force"), false, TRY(forced_stop_timeout(args))};
  auto* engine = TRY(context.engine());
  return remove_each(context, args.words(), options.force ? Missing::ignored : Missing::told,
                     [&](const std::string& name) -> Result<std::vector<std::string>> {
                       TRY(engine::network_verbs(*engine).remove(name, options));
                       return std::vector{name};
                     });
}

Result<int> prune(Context& context, const Args& args) {
  auto filters = TRY(parse_filters(args));
  for (const auto& filter : filters) {
    if (filter.key != "label" && filter.key != "label!" && filter.key != "until") {
      return Error(Errc::invalid, fmt::format("invalid filter \"{}\"", printable(filter.key)));
    }
  }
  if (!args.flag("force") &&
      !TRY(confirm(context, "WARNING! This will remove all networks not used by at least one container."))) {
    return 0;
  }
  const auto pruned = TRY(prune_networks(context, std::move(filters)));
  for (const auto& name : pruned.names) context.output().line(name);
  return pruned.code;
}

Result<int> update(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const auto& name = args.words().front();
  // Each may be a list.
  const auto addresses = [&](const char* option) {
    std::vector<std::string> out;
    for (const auto& text : args.list(option)) {
      for (auto& word : split(text, ',')) out.push_back(std::move(word));
    }
    return out;
  };
  TRY(engine::network_verbs(*engine).update(name, addresses("dns-add"), addresses("dns-drop")));
  context.output().line(name);
  return 0;
}

constexpr std::string_view k_ls_aliases[] = {"network list"};
constexpr std::string_view k_rm_aliases[] = {"network remove"};

}  // namespace

Result<Pruned> prune_networks(Context& context, std::vector<engine::ContainerFilter> filters) {
  auto* engine = TRY(context.engine());
  filters.push_back({"dangling", "true"});
  Pruned pruned;
  for (const auto& network : TRY(engine::network_verbs(*engine).list(filters))) {
    auto removed = engine::network_verbs(*engine).remove(network.name, {});
    if (removed) {
      pruned.names.push_back(network.name);
    } else if (removed.error().code() != Errc::in_use && removed.error().code() != Errc::not_found) {
      context.output().error(removed.error());
      pruned.code = 125;
    }
  }
  return pruned;
}

constexpr Command k_network_create_command = {.name = "network create",
                                              .aliases = {},
                                              .usage = "[options] [NAME]",
                                              .summary = "Make a network that containers can join",
                                              .options = {group<k_create_options>},
                                              .most_words = 1,
                                              .run = create};

constexpr Command k_network_exists_command = {.name = "network exists",
                                              .aliases = {},
                                              .usage = "NETWORK",
                                              .summary = "Tell by the exit code whether there is a network",
                                              .least_words = 1,
                                              .most_words = 1,
                                              .complete = Complete::networks,
                                              .run = exists};

constexpr Command k_network_inspect_command = {.name = "network inspect",
                                               .aliases = {},
                                               .usage = "[options] NETWORK [NETWORK...]",
                                               .summary = "Print all that is known of networks",
                                               .options = {group<k_inspect_options>},
                                               .least_words = 1,
                                               .complete = Complete::networks,
                                               .run = inspect};

constexpr Command k_network_ls_command = {.name = "network ls",
                                          .aliases = k_ls_aliases,
                                          .usage = "[options]",
                                          .summary = "List networks",
                                          .options = {filter_options, group<k_ls_options>},
                                          .most_words = 0,
                                          .run = ls};

constexpr Command k_network_prune_command = {.name = "network prune",
                                             .aliases = {},
                                             .usage = "[options]",
                                             .summary = "Remove networks that no container uses",
                                             .options = {filter_options_long, group<k_prune_options>},
                                             .most_words = 0,
                                             .run = prune};

constexpr Command k_network_rm_command = {.name = "network rm",
                                          .aliases = k_rm_aliases,
                                          .usage = "[options] NETWORK [NETWORK...]",
                                          .summary = "Remove networks",
                                          .options = {group<k_rm_options>},
                                          .least_words = 1,
                                          .complete = Complete::networks,
                                          .run = rm};

constexpr Command k_network_update_command = {.name = "network update",
                                              .aliases = {},
                                              .usage = "[options] NETWORK",
                                              .summary = "Change the servers a network asks for names",
                                              .options = {group<k_update_options>},
                                              .least_words = 1,
                                              .most_words = 1,
                                              .complete = Complete::networks,
                                              .run = update};

}  // namespace ctr::cli
