// pull and push.
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/spec_args.h"

namespace ctr::cli {
namespace {

constexpr std::array k_pull_options = {
    flag("all-tags", 'a', "Pull every tag of the repository"),
    value("arch", 0, "ARCH", "Choose the image for this architecture"),
    value("os", 0, "OS", "Choose the image for this operating system"),
    value("platform", 0, "OS/ARCH[/VARIANT]", "Choose the image for this platform"),
    value("policy", 0, "POLICY", "When to pull: always, missing, newer or never"),
    value("variant", 0, "VARIANT", "Choose the image for this variant"),
};
constexpr std::array k_push_options = {
    value("digestfile", 0, "FILE", "Write the manifest's digest to FILE", Complete::files),
    value("format", 'f', "FORMAT", "Manifest type: oci or v2s2"),
    flag("remove-signatures", 0, "Accepted: images of the store have no signatures"),
};

Result<int> pull(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  auto options = TRY(pull_options(args, *TRY(engine->config())));
  options.platform = TRY(platform_options(args));
  options.policy = TRY(parse_pull_policy(args.text("policy", "always")));
  options.all_tags = args.flag("all-tags");
  for (const auto& reference : args.words()) {
    for (const auto& id : TRY(engine->pull(reference, options))) context.output().line(id);
    TRY(context.output().flush());
  }
  return 0;
}

Result<int> push(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const auto options = TRY(push_options(args, *TRY(engine->config())));
  TRY(engine->push(args.words().front(), args.words().back(), options));
  return 0;
}

constexpr std::string_view k_pull_aliases[] = {"image pull"};
constexpr std::string_view k_push_aliases[] = {"image push"};

}  // namespace

constexpr Command k_pull_command = {.name = "pull",
                                    .aliases = k_pull_aliases,
                                    .usage = "[options] IMAGE [IMAGE...]",
                                    .summary = "Fetch images from a registry",
                                    .options = {registry_options, group<k_pull_options>},
                                    .least_words = 1,
                                    .complete = Complete::images,
                                    .run = pull};

constexpr Command k_push_command = {
    .name = "push",
    .aliases = k_push_aliases,
    .usage = "[options] IMAGE [DESTINATION]",
    .summary = "Send an image to a registry",
    .options = {registry_options, signing_options, compression_options, group<k_push_options>},
    .least_words = 1,
    .most_words = 2,
    .complete = Complete::images,
    .run = push};

}  // namespace ctr::cli
