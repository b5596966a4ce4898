// rmi, image prune.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"

namespace ctr::cli {
namespace {

constexpr std::array k_rmi_options = {
    flag("all", 'a', "All images"),
    flag("force", 'f', "Also containers that use it; what does not exist is no error"),
    flag("ignore", 'i', "An image that does not exist is no error"),
    flag("no-prune", 0, "Keep parents without a name"),
};
constexpr std::array k_prune_options = {
    flag("all", 'a', "All images that no container uses, not only those without a name"),
    list("filter", 0, "KEY=VALUE", "Only images that match"),
    flag("force", 'f', "Do not ask"),
    flag("external", 0, "Accepted: ctr keeps no containers outside its own store"),
    flag("build-cache", 0, "Accepted: ctr keeps no cache of builds beside its images"),
};

Result<std::vector<std::string>> wanted_images(engine::Engine& engine, const Args& args) {
  if (!args.flag("all")) {
    if (args.words().empty()) return Error(Errc::invalid, "image name or ID must be specified");
    return args.words();
  }
  if (!args.words().empty())
    return Error(Errc::invalid, "when using the --all switch, you may not pass any images names or IDs");
  // Name by name: the image itself goes with its last one.
  std::vector<std::string> words;
  for (const auto& image : TRY(engine.list_images())) {
    if (image.is_read_only()) continue;
    words.insert(words.end(), image.names.begin(), image.names.end());
    if (image.dangling()) words.push_back(image.id);
  }
  return words;
}

Result<int> rmi(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const bool force = args.flag("force");
  const bool ignore = force || args.flag("ignore");
  return remove_each(context, TRY(wanted_images(*engine, args)), ignore ? Missing::ignored : Missing::told,
                     [&](const std::string& name) -> Result<std::vector<std::string>> {
                       return removal_lines(TRY(engine->remove_image(name, force, !args.flag("no-prune"))));
                     });
}

Result<int> prune(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const bool all = args.flag("all");
  const auto filters = TRY(parse_filters(args));
  const std::string_view warning =
      all ? "WARNING! This command removes all images without at least one container associated with them."
          : "WARNING! This command removes all dangling images.";
  if (!args.flag("force") && !TRY(confirm(context, warning))) return 0;
  for (const auto& id : TRY(engine->prune_images(all, filters))) context.output().line(id);
  return 0;
}

constexpr std::string_view k_rmi_aliases[] = {"image rm", "image remove"};

}  // namespace

constexpr Command k_rmi_command = {.name = "rmi",
                                   .aliases = k_rmi_aliases,
                                   .usage = "[options] IMAGE [IMAGE...]",
                                   .summary = "Remove images",
                                   .options = {group<k_rmi_options>},
                                   .complete = Complete::images,
                                   .run = rmi};

constexpr Command k_image_prune_command = {.name = "image prune",
                                           .aliases = {},
                                           .usage = "[options]",
                                           .summary = "Remove images that are not needed",
                                           .options = {group<k_prune_options>},
                                           .most_words = 0,
                                           .run = prune};

}  // namespace ctr::cli
