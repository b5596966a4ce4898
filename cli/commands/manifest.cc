// manifest create, add, annotate, exists, inspect, push, remove and rm.
#include <fmt/format.h>

#include <map>

#include "base/paths.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/spec_args.h"
#include "engine/list_verbs.h"

namespace ctr::cli {
namespace {

using engine::list_verbs;

constexpr std::array k_create_options = {
    flag("all", 0, "Of a list every image, not only the one for this platform"),
    flag("amend", 'a', "Use a list of this name that exists already"),
    list("annotation", 0, "KEY=VALUE", "Annotation of the list"),
};
constexpr std::array k_add_options = {
    flag("all", 0, "Of a list every image, not only the one for this platform"),
};
constexpr std::array k_artifact_options = {
    flag("artifact", 0, "The words behind the list are files, which come into it as an artifact"),
    list("artifact-annotation", 0, "KEY=VALUE", "Annotation of the artifact"),
    value("artifact-config", 0, "FILE", "Configuration of the artifact", Complete::files),
    value("artifact-config-type", 0, "TYPE", "Media type of the configuration"),
    flag("artifact-exclude-titles", 0, "Keep the names of the files out of the artifact"),
    value("artifact-layer-type", 0, "TYPE", "Media type of the files, in place of each one's own"),
    value("artifact-subject", 0, "IMAGE", "The image of the store that the artifact is about", Complete::images),
    value("artifact-type", 0, "TYPE", "What the artifact is, as a media type"),
};
constexpr std::array k_member_options = {
    list("annotation", 0, "KEY=VALUE", "Annotation of the image in the list"),
    value("arch", 0, "ARCH", "The image's architecture, in place of its own"),
    list("features", 0, "FEATURE", "Features of the processor that the image needs"),
    value("os", 0, "OS", "The image's operating system, in place of its own"),
    value("os-version", 0, "VERSION", "The version of the operating system that the image needs"),
    value("variant", 0, "VARIANT", "The variant of the architecture, in place of its own"),
};
constexpr std::array k_annotate_options = {
    flag("index", 0, "Annotate the list, not an image of it"),
    list("os-features", 0, "FEATURE", "Features of the operating system that the image needs"),
    value("subject", 0, "IMAGE", "With --index: what the list is about", Complete::images),
};
constexpr std::array k_inspect_options = {
    value("authfile", 0, "FILE", "Read registry credentials from FILE", Complete::files),
    flag("tls-verify", 0, "Verify certificates of registries (default true)"),
};
constexpr std::array k_push_options = {
    list("add-compression", 0, "FORMAT", "Send each image in this compression, too: gzip or zstd"),
    flag("all", 0, "Push the images of the list, too (default true)"),
    value("digestfile", 0, "FILE", "Write the list's digest to FILE", Complete::files),
    value("format", 'f', "FORMAT", "Type of the list and its images: oci or v2s2"),
    flag("purge", 'p', "The same as --rm"),
    flag("remove-signatures", 0, "Accepted: images of the store have no signatures"),
    flag("rm", 0, "Remove the list from the store when it is pushed"),
};
constexpr std::array k_rm_options = {
    flag("ignore", 'i', "A list that does not exist is no error"),
};

Result<std::map<std::string, std::string>> annotations(const Args& args, std::string_view option = "annotation") {
  std::map<std::string, std::string> map;
  for (const auto& text : args.list(option)) {
    const auto pair = split_once(text, '=');
    if (!pair) return Error(Errc::invalid, fmt::format("no value given for annotation \"{}\"", printable(text)));
    map[pair->first] = pair->second;
  }
  return map;
}

// "a,b" and repeated options are the same.
std::vector<std::string> words_of(const Args& args, std::string_view option) {
  std::vector<std::string> words;
  for (const auto& text : args.list(option)) {
    for (auto& word : split(text, ',')) words.push_back(std::move(word));
  }
  return words;
}

Result<engine::ListMember> member_of(const Args& args) {
  engine::ListMember member;
  member.os = args.text("os");
  member.architecture = args.text("arch");
  member.variant = args.text("variant");
  member.os_version = args.text("os-version");
  member.features = words_of(args, "features");
  member.annotations = TRY(annotations(args));
  return member;
}

Result<int> create(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const auto& words = args.words();
  engine::AddRequest request;
  request.images = {words.begin() + 1, words.end()};
  request.all = args.flag("all");
  request.access = TRY(pull_options(args, *TRY(engine->config())));
  const auto on_list = TRY(annotations(args));
  context.output().line(
      TRY(list_verbs(*engine).create(words.front(), args.flag("amend"), on_list, std::move(request))));
  return 0;
}

Result<int> add_artifact(Context& context, const Args& args) {
  if (args.flag("all")) return Error(Errc::invalid, "--all is for images, not for --artifact");
  const auto& words = args.words();
  engine::ArtifactRequest request;
  request.list = words.front();
  for (size_t i = 1; i < words.size(); ++i) request.files.push_back(TRY(absolute_path(words[i])));
  request.type = args.text("artifact-type");
  if (args.has("artifact-config")) request.config_file = TRY(absolute_path(args.text("artifact-config")));
  request.config_type = args.text("artifact-config-type");
  request.layer_type = args.text("artifact-layer-type");
  request.titles = !args.flag("artifact-exclude-titles");
  request.subject = args.text("artifact-subject");
  request.annotations = TRY(annotations(args, "artifact-annotation"));
  request.member = TRY(member_of(args));
  context.output().line(TRY(list_verbs(*TRY(context.engine())).add_artifact(request)));
  return 0;
}

Result<int> add(Context& context, const Args& args) {
  if (args.flag("artifact")) return add_artifact(context, args);
  for (const auto& option : k_artifact_options) {
    if (args.has(option.name)) return Error(Errc::invalid, fmt::format("--{} requires --artifact", option.name));
  }
  auto* engine = TRY(context.engine());
  const auto& words = args.words();
  engine::AddRequest request;
  request.list = words.front();
  request.images = {words.begin() + 1, words.end()};
  request.all = args.flag("all");
  request.member = TRY(member_of(args));
  request.access = TRY(pull_options(args, *TRY(engine->config())));
  context.output().line(TRY(list_verbs(*engine).add(std::move(request))));
  return 0;
}

Result<int> annotate_index(Context& context, const Args& args) {
  if (args.words().size() > 1) return Error(Errc::invalid, "--index takes the name of a list and no image");
  for (const auto* option : {"arch", "features", "os", "os-features", "os-version", "variant"}) {
    if (args.has(option)) return Error(Errc::invalid, fmt::format("--{} is for an image, not for --index", option));
  }
  const auto on_list = TRY(annotations(args));
  auto* engine = TRY(context.engine());
  context.output().line(TRY(list_verbs(*engine).annotate_all(args.words().front(), on_list, args.text("subject"))));
  return 0;
}

Result<int> annotate(Context& context, const Args& args) {
  if (args.flag("index")) return annotate_index(context, args);
  if (args.has("subject")) return Error(Errc::invalid, "--subject needs --index");
  if (args.words().size() < 2) {
    return Error(Errc::invalid, "expected either a list name and --index or a list name and an image digest or name");
  }
  auto member = TRY(member_of(args));
  member.os_features = words_of(args, "os-features");
  auto* engine = TRY(context.engine());
  context.output().line(TRY(list_verbs(*engine).annotate(args.words()[0], args.words()[1], member)));
  return 0;
}

Result<int> exists(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  return TRY(list_verbs(*engine).exists(args.words().front())) ? 0 : 1;
}

Result<int> inspect(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  engine::PullOptions access;
  access.authfile = args.text("authfile");
  access.tls_verify = TRY(args.boolean("tls-verify"));
  const auto text = TRY(list_verbs(*engine).document(args.words().front(), access));
  context.output().print(pretty(TRY(parse_json(text, "the manifest")), 4));
  return 0;
}

Result<int> push(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  engine::PushListOptions options;
  options.push = TRY(push_options(args, *TRY(engine->config())));
  options.all = args.flag("all", true);
  for (const auto& format : words_of(args, "add-compression")) {
    if (format != "gzip" && format != "zstd") {
      return Error(Errc::invalid, fmt::format("--add-compression '{}' is not one of gzip and zstd", printable(format)));
    }
    if (!options.all)
      return Error(Errc::invalid, "--add-compression needs the images of the list: leave --all=false out");
    options.push.add_compression.push_back(format);
  }
  options.remove = args.flag("rm") || args.flag("purge");
  TRY(list_verbs(*engine).push(args.words().front(), args.words().size() > 1 ? args.words().back() : "", options));
  return 0;
}

Result<int> remove(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  context.output().line(TRY(list_verbs(*engine).remove_member(args.words()[0], args.words()[1])));
  return 0;
}

Result<int> rm(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  return remove_each(context, args.words(), args.flag("ignore") ? Missing::ignored : Missing::told,
                     [&](const std::string& name) -> Result<std::vector<std::string>> {
                       return removal_lines(TRY(list_verbs(*engine).remove(name)));
                     });
}

}  // namespace

constexpr Command k_manifest_add_command = {
    .name = "manifest add",
    .aliases = {},
    .usage = "[options] LIST IMAGE|FILE...",
    .summary = "Add images, or files as an artifact, to a manifest list",
    .options = {registry_options, group<k_add_options>, group<k_artifact_options>, group<k_member_options>},
    .least_words = 2,
    .complete = Complete::images,
    .run = add};

constexpr Command k_manifest_annotate_command = {.name = "manifest annotate",
                                                 .aliases = {},
                                                 .usage = "[options] LIST IMAGE",
                                                 .summary = "Say more of an image in a manifest list",
                                                 .options = {group<k_annotate_options>, group<k_member_options>},
                                                 .least_words = 1,
                                                 .most_words = 2,
                                                 .complete = Complete::images,
                                                 .run = annotate};

constexpr Command k_manifest_create_command = {.name = "manifest create",
                                               .aliases = {},
                                               .usage = "[options] LIST [IMAGE...]",
                                               .summary = "Make a manifest list",
                                               .options = {registry_options, group<k_create_options>},
                                               .least_words = 1,
                                               .complete = Complete::images,
                                               .run = create};

constexpr Command k_manifest_exists_command = {
    .name = "manifest exists",
    .aliases = {},
    .usage = "LIST",
    .summary = "Tell by the exit code whether a manifest list is in the store",
    .least_words = 1,
    .most_words = 1,
    .complete = Complete::images,
    .run = exists};

constexpr Command k_manifest_inspect_command = {.name = "manifest inspect",
                                                .aliases = {},
                                                .usage = "[options] LIST",
                                                .summary = "Print a manifest list of the store or of a registry",
                                                .options = {group<k_inspect_options>},
                                                .least_words = 1,
                                                .most_words = 1,
                                                .complete = Complete::images,
                                                .run = inspect};

constexpr Command k_manifest_push_command = {
    .name = "manifest push",
    .aliases = {},
    .usage = "[options] LIST [DESTINATION]",
    .summary = "Send a manifest list and its images to a registry",
    .options = {registry_options, signing_options, compression_options, group<k_push_options>},
    .least_words = 1,
    .most_words = 2,
    .complete = Complete::images,
    .run = push};

constexpr Command k_manifest_remove_command = {.name = "manifest remove",
                                               .aliases = {},
                                               .usage = "LIST IMAGE",
                                               .summary = "Take an image out of a manifest list",
                                               .least_words = 2,
                                               .most_words = 2,
                                               .complete = Complete::images,
                                               .run = remove};

constexpr Command k_manifest_rm_command = {.name = "manifest rm",
                                           .aliases = {},
                                           .usage = "[options] LIST [LIST...]",
                                           .summary = "Remove manifest lists from the store",
                                           .options = {group<k_rm_options>},
                                           .least_words = 1,
                                           .complete = Complete::images,
                                           .run = rm};

}  // namespace ctr::cli
