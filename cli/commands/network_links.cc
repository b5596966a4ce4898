// network connect, disconnect and reload: networks of containers that are there.
#include <array>

#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "engine/network_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_connect_options = {
    list("alias", 0, "NAME", "Another name of the container on the network"),
    value("ip", 0, "ADDRESS", "IPv4 address of the container on the network"),
    value("ip6", 0, "ADDRESS", "IPv6 address of the container on the network"),
    value("mac-address", 0, "ADDRESS", "Hardware address of the container on the network"),
};
constexpr std::array k_disconnect_options = {
    flag("force", 'f', "Forget the network also when the container cannot leave it now"),
};

Result<int> connect(Context& context, const Args& args) {
  engine::NetworkAttachment wanted;
  wanted.network = args.words()[0];
  wanted.aliases = args.list("alias");
  for (const char* name : {"ip", "ip6"}) {
    if (args.has(name)) wanted.ips.push_back(args.text(name));
  }
  wanted.mac = args.text("mac-address");
  auto* engine = TRY(context.engine());
  TRY(engine::network_verbs(*engine).connect(args.words()[1], std::move(wanted)));
  return 0;
}

Result<int> disconnect(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  TRY(engine::network_verbs(*engine).disconnect(args.words()[1], args.words()[0], args.flag("force")));
  return 0;
}

Result<int> reload(Context& context, const Args& args) {
  engine::Selection selection;
  selection.names = args.words();
  selection.all = args.flag("all");
  selection.latest = args.flag("latest");
  if (selection.names.empty() && !selection.all && !selection.latest) {
    return Error(Errc::invalid, "you must provide at least one name or id");
  }
  selection.running_only = selection.all;
  const auto act = [&context](engine::Engine& engine, const engine::ContainerInfo& info) -> Result<void> {
    using Mode = engine::NetworkChoice::Mode;
    // The networks of others are not theirs.
    const auto mode = info.spec.network.mode;
    if (mode == Mode::pod) TRY(engine::network_verbs(engine).reload({info.spec.pod}));
    if (mode == Mode::bridge || mode == Mode::private_) TRY(engine::network_verbs(engine).reload(info.id));
    context.output().line(info.id.hex);
    return ok();
  };
  return for_each_container(context, selection, Echo::nothing, act);
}

constexpr std::array k_reload_options = {flag("all", 'a', "All running containers")};

}  // namespace

constexpr Command k_network_connect_command = {.name = "network connect",
                                               .aliases = {},
                                               .usage = "[options] NETWORK CONTAINER|POD",
                                               .summary = "Let a container or pod join a network, also while it runs",
                                               .options = {group<k_connect_options>},
                                               .least_words = 2,
                                               .most_words = 2,
                                               .complete = Complete::networks,
                                               .run = connect};

constexpr Command k_network_disconnect_command = {.name = "network disconnect",
                                                  .aliases = {},
                                                  .usage = "[options] NETWORK CONTAINER|POD",
                                                  .summary = "Take a container or pod out of a network",
                                                  .options = {group<k_disconnect_options>},
                                                  .least_words = 2,
                                                  .most_words = 2,
                                                  .complete = Complete::networks,
                                                  .run = disconnect};

constexpr Command k_network_reload_command = {.name = "network reload",
                                              .aliases = {},
                                              .usage = "[options] [CONTAINER...]",
                                              .summary = "Put the networks of running containers in order",
                                              .options = {group<k_reload_options>, latest_options},
                                              .complete = Complete::running,
                                              .run = reload};

}  // namespace ctr::cli
