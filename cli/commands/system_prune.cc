// system prune.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/commands/prune.h"
#include "cli/output.h"
#include "engine/system_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    flag("all", 'a', "All images that no container uses, not only those without a name"),
    list("filter", 0, "KEY=VALUE", "Only what matches: label, label! and until"),
    flag("force", 'f', "Do not ask"),
    flag("volumes", 0, "Volumes that no container uses, too"),
    flag("build", 0, "Accepted: ctr keeps no containers of builds"),
    flag("external", 0, "Nothing but containers outside the store, of which ctr has none"),
};
constexpr std::array<std::string_view, 3> k_filter_keys = {"label", "label!", "until"};

using Filters = std::vector<engine::ContainerFilter>;

Result<Filters> prune_filters(const Args& args) {
  auto filters = TRY(parse_filters(args));
  for (const auto& filter : filters) {
    if (std::find(k_filter_keys.begin(), k_filter_keys.end(), filter.key) != k_filter_keys.end()) continue;
    return Error(Errc::invalid, fmt::format("{} is an invalid filter", printable(filter.key)))
        .with_hint("system prune takes label, label! and until");
  }
  return filters;
}

std::string warning(const Args& args) {
  std::string text =
      "WARNING! This command removes:\n\t- all stopped containers\n"
      "\t- all networks not used by at least one container\n\t- all stopped pods\n";
  if (args.flag("volumes")) text += "\t- all volumes not used by at least one container\n";
  return text + (args.flag("all") ? "\t- all images without at least one container associated with them\n"
                                  : "\t- all dangling images\n");
}

void print_removed(Output& output, std::string_view what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  output.line(fmt::format("Deleted {}", what));
  for (const auto& name : names) output.line(name);
}

uint64_t size_of_removed(const engine::DiskUsage& before, const Pruned& containers, const Pruned& volumes) {
  std::map<std::string, uint64_t> sizes;
  for (const auto& container : before.containers) sizes["c" + container.info.id.hex] = container.size_bytes;
  for (const auto& volume : before.volumes) sizes["v" + volume.info.name] = volume.size_bytes;
  uint64_t sum = 0;
  for (const auto& id : containers.names) sum += sizes["c" + id];
  for (const auto& name : volumes.names) sum += sizes["v" + name];
  return sum;
}

Result<Pruned> remove_volumes(Context& context, Filters filters) {
  auto* engine = TRY(context.engine());
  filters.push_back({"dangling", "true"});
  return prune_volumes(context, TRY(engine->list_volumes(filters)));
}

// With --external podman removes nothing else, and does not ask.
Result<int> prune_external(Context& context, const Args& args) {
  if (args.flag("all") || args.flag("volumes") || args.flag("build") || args.has("filter")) {
    return Error(Errc::invalid, "system prune --external cannot be combined with other options");
  }
  context.output().line("Total reclaimed space: " + human_size(0));
  return 0;
}

Result<int> prune(Context& context, const Args& args) {
  if (args.flag("external")) return prune_external(context, args);
  const auto filters = TRY(prune_filters(args));
  if (!args.flag("force")) {
    context.output().print_stderr(warning(args) + "\n");
    if (!TRY(confirm(context))) return 0;
  }
  auto* engine = TRY(context.engine());
  auto& verbs = engine::system_verbs(*engine);
  const auto before = TRY(verbs.disk_usage());
  // Filters are for what has labels of its own: podman has none for pods here.
  const auto pods = filters.empty() ? TRY(prune_pods(context)) : Pruned{};
  const auto containers = TRY(prune_containers(context, filters));
  const auto images = TRY(engine->prune_images(args.flag("all"), filters));
  const auto networks = TRY(prune_networks(context, filters));
  const auto volumes = args.flag("volumes") ? TRY(remove_volumes(context, filters)) : Pruned{};
  const auto after = TRY(verbs.disk_usage());
  verbs.note("system", "prune", "");
  auto& output = context.output();
  print_removed(output, "Pods", pods.names);
  print_removed(output, "Containers", containers.names);
  print_removed(output, "Images", images);
  print_removed(output, "Volumes", volumes.names);
  print_removed(output, "Networks", networks.names);
  uint64_t freed = size_of_removed(before, containers, volumes);
  // What somebody else has pulled meanwhile is not counted against it.
  if (after.images_bytes < before.images_bytes) freed += before.images_bytes - after.images_bytes;
  output.line("Total reclaimed space: " + human_size(freed));
  return std::max({pods.code, containers.code, volumes.code, networks.code});
}

}  // namespace

constexpr Command k_system_prune_command = {
    .name = "system prune",
    .aliases = {},
    .usage = "[options]",
    .summary = "Remove containers, images, networks and volumes that are not used",
    .options = {group<k_options>},
    .most_words = 0,
    .run = prune};

}  // namespace ctr::cli
