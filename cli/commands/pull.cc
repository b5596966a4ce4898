// pull and push.
#include "base/parse.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/spec_args.h"

namespace ctr::cli {
namespace {

constexpr std::array k_pull_options = {
    flag("all-tags", 'a', "Pull every tag of the repository"),
    list("decryption-key", 0, "KEY[:PASSPHRASE]", "Open an encrypted image with this private key", Complete::files),
    value("arch", 0, "ARCH", "Choose the image for this architecture"),
    value("os", 0, "OS", "Choose the image for this operating system"),
    value("platform", 0, "OS/ARCH[/VARIANT]", "Choose the image for this platform"),
    value("policy", 0, "POLICY", "When to pull: always, missing, newer or never"),
    value("variant", 0, "VARIANT", "Choose the image for this variant"),
};
constexpr std::array k_push_options = {
    flag("compress", 0, "With dir: layers must be compressed; registries get them as they are stored"),
    list("encrypt-layer", 0, "N", "With --encryption-key: encrypt this layer only, from 0, or from the end, -1"),
    list("encryption-key", 0, "jwe:FILE", "Encrypt the layers for the owner of the private key of this public one"),
    value("digestfile", 0, "FILE", "Write the manifest's digest to FILE", Complete::files),
    value("format", 'f', "FORMAT", "Manifest type: oci or v2s2"),
    flag("remove-signatures", 0, "Accepted: images of the store have no signatures"),
};

Result<void> read_encryption(engine::PushOptions& options, const Args& args) {
  options.encryption_keys = args.list("encryption-key");
  for (const auto& text : args.list("encrypt-layer")) {
    for (const auto& place : split(text, ',')) {
      const auto number = TRY(parse_signed(place, "--encrypt-layer"));
      if (number < -1'000'000 || number > 1'000'000)
        return Error(Errc::invalid, "--encrypt-layer: there is no such layer");
      options.encrypt_layers.push_back(static_cast<int>(number));
    }
  }
  if (!options.encrypt_layers.empty() && options.encryption_keys.empty()) {
    return Error(Errc::invalid, "--encrypt-layer can only be used with --encryption-key");
  }
  return ok();
}

Result<int> pull(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  auto options = TRY(pull_options(args, *TRY(engine->config())));
  options.platform = TRY(platform_options(args));
  options.policy = TRY(parse_pull_policy(args.text("policy", "always")));
  options.all_tags = args.flag("all-tags");
  options.decryption_keys = args.list("decryption-key");
  for (const auto& reference : args.words()) {
    for (const auto& id : TRY(engine->pull(reference, options))) context.output().line(id);
    TRY(context.output().flush());
  }
  return 0;
}

Result<int> push(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  auto options = TRY(push_options(args, *TRY(engine->config())));
  options.compress_layers = args.flag("compress");
  TRY(read_encryption(options, args));
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
