// image sign.
#include "base/file.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "engine/image_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    flag("all", 'a', "Sign the images of a list, too"),
    value("authfile", 0, "FILE", "Read registry credentials from FILE", Complete::files),
    value("cert-dir", 0, "DIR", "Read certificates of registries from DIR", Complete::directories),
    value("directory", 'd', "DIR", "Put the signatures below DIR", Complete::directories),
    value("sign-by", 0, "KEY", "Sign with this key of your gpg, such as a fingerprint"),
    value("sign-passphrase-file", 0, "FILE", "Read the passphrase of the signing key from FILE", Complete::files),
    flag("tls-verify", 0, "Verify certificates of registries (default true)"),
};

Result<int> sign(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  engine::PushOptions push;
  push.authfile = args.text("authfile");
  push.cert_dir = args.text("cert-dir");
  push.tls_verify = TRY(args.boolean("tls-verify"));
  push.sign_by = args.text("sign-by");
  push.sign_passphrase_file = args.text("sign-passphrase-file");
  push.quiet = true;
  if (push.sign_by.empty()) return Error(Errc::invalid, "no identity provided").with_hint("name a key with --sign-by");
  engine::SignOptions options{args.text("directory"), args.flag("all")};
  if (!options.directory.empty()) {
    options.directory = TRY(absolute_path(options.directory));
    (void)TRY(Dir::open(options.directory));
  }
  for (const auto& image : args.words()) TRY(engine::image_verbs(*engine).sign(image, push, options));
  return 0;
}

}  // namespace

constexpr Command k_image_sign_command = {.name = "image sign",
                                          .aliases = {},
                                          .usage = "[options] IMAGE [IMAGE...]",
                                          .summary = "Sign images that a registry has",
                                          .options = {group<k_options>},
                                          .least_words = 1,
                                          .complete = Complete::images,
                                          .run = sign};

}  // namespace ctr::cli
