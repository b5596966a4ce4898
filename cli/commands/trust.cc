// image trust show and set.
#include <fmt/format.h>

#include <initializer_list>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/report.h"
#include "engine/image_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    flag("json", 'j', "With show: print JSON"),
    flag("noheading", 'n', "With show: no headings"),
    list("pubkeysfile", 'f', "FILE", "With set: public key for signedBy and sigstoreSigned", Complete::files),
    flag("raw", 0, "With show: print the policy file as it is"),
    value("signature-policy", 0, "FILE", "Show or change FILE instead of the policy that counts", Complete::files),
    value("type", 't', "TYPE", "With set: accept, reject, signedBy (the default) or sigstoreSigned"),
};

Result<void> refuse(const Args& args, std::initializer_list<const char*> options) {
  for (const auto* option : options) {
    if (args.has(option)) return Error(Errc::invalid, fmt::format("unknown flag: --{}", option));
  }
  return ok();
}

std::string text_of(const Json& row, const char* key) {
  const auto* member = row.find(key);
  return member == nullptr ? "" : member->as_string();
}

std::string table(const Json& rows, Heading heading) {
  Listing listing;
  listing.name = "trust";
  listing.columns = {"Transport", "Name", "Type", "Id", "Store"};
  Json shown = Json::array();
  for (const auto& row : rows.as_array()) {
    shown.push(Json::object()
                   .set("Transport", text_of(row, "transport"))
                   .set("Name", text_of(row, "repo_name"))
                   .set("Type", text_of(row, "type"))
                   .set("Id", text_of(row, "gpg_id"))
                   .set("Store", text_of(row, "sigstore")));
  }
  return print_table(listing, shown, heading);
}

Result<int> show(Context& context, const Args& args) {
  TRY(refuse(args, {"pubkeysfile", "type"}));
  engine::TrustOptions options;
  options.policy_file = args.text("signature-policy");
  options.raw = args.flag("raw");
  if (args.words().size() > 1) options.scope = args.words()[1];
  auto* engine = TRY(context.engine());
  const auto text = TRY(engine::image_verbs(*engine).show_trust(options));
  if (options.raw) {
    context.output().line(text);
    return 0;
  }
  const auto rows = TRY(parse_json(text, "the trust policy"));
  if (args.flag("json")) {
    context.output().print(pretty(rows, 2));
  } else {
    context.output().print(table(rows, args.flag("noheading") ? Heading::no : Heading::yes));
  }
  return 0;
}

Result<int> set(Context& context, const Args& args) {
  TRY(refuse(args, {"json", "noheading", "raw"}));
  if (args.words().size() < 2) {
    return Error(Errc::invalid, "name the registry or repository that is meant, or default");
  }
  engine::TrustOptions options;
  options.policy_file = args.text("signature-policy");
  options.scope = args.words()[1];
  options.type = args.text("type", "signedBy");
  options.key_files = args.list("pubkeysfile");
  auto* engine = TRY(context.engine());
  TRY(engine::image_verbs(*engine).set_trust(options));
  return 0;
}

Result<int> trust(Context& context, const Args& args) {
  const auto& verb = args.words().front();
  if (verb == "show") return show(context, args);
  if (verb == "set") return set(context, args);
  return Error(Errc::invalid,
               fmt::format("unrecognized command `{} image trust {}`", context.program(), printable(verb)))
      .with_hint("choose show or set");
}

}  // namespace

constexpr Command k_image_trust_command = {.name = "image trust",
                                           .aliases = {},
                                           .usage = "show|set [options] [REGISTRY]",
                                           .summary = "Show or say which images may be used",
                                           .options = {group<k_options>},
                                           .least_words = 1,
                                           .most_words = 2,
                                           .run = trust};

}  // namespace ctr::cli
