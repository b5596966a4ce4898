// save and load.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "engine/image_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_save_options = {
    flag("compress", 0, "With docker-dir: layers must be compressed"),
    value("format", 0, "FORMAT", "docker-archive, oci-archive, oci-dir or docker-dir"),
    flag("multi-image-archive", 'm', "Every name is an image of its own"),
    value("output", 'o', "FILE", "Write to FILE instead of standard output", Complete::files),
    flag("quiet", 'q', "Print no progress"),
    flag("uncompressed", 0, "Write layers uncompressed (the OCI formats)"),
};
constexpr std::array k_load_options = {
    value("input", 'i', "FILE", "Read FILE instead of standard input", Complete::files),
    flag("quiet", 'q', "Print no progress"),
};
constexpr std::array<std::string_view, 4> k_formats = {"oci-dir", "oci-archive", "docker-dir", "docker-archive"};

Result<engine::SaveOptions> save_options(const Args& args) {
  engine::SaveOptions options;
  options.output = args.text("output");
  options.format = args.text("format", options.format);
  options.quiet = args.flag("quiet");
  if (std::find(k_formats.begin(), k_formats.end(), options.format) == k_formats.end()) {
    return Error(Errc::invalid, "format value must be one of oci-dir oci-archive docker-dir docker-archive");
  }
  if (args.flag("uncompressed")) options.layers = engine::SaveOptions::Layers::uncompressed;
  if (args.flag("compress")) {
    if (options.format != "docker-dir" || args.flag("uncompressed")) {
      return Error(Errc::invalid, "--compress can only be set when --format is 'docker-dir'");
    }
    options.layers = engine::SaveOptions::Layers::compressed;
  }
  if (!options.output.empty()) return options;
  if (options.format.ends_with("-dir")) {
    return Error(Errc::invalid, fmt::format("--format {} needs a directory: name it with --output", options.format));
  }
  if (is_terminal(STDOUT_FILENO)) {
    return Error(Errc::invalid, "refusing to save to terminal. Use -o flag or redirect");
  }
  return options;
}

Result<int> save(Context& context, const Args& args) {
  const auto options = TRY(save_options(args));
  auto* engine = TRY(context.engine());
  const auto& words = args.words();
  std::vector<engine::SaveItem> items;
  if (args.flag("multi-image-archive") && words.size() > 1 && options.format == "docker-dir") {
    return Error(Errc::invalid, "unsupported format \"docker-dir\" for saving multiple images");
  }
  if (args.flag("multi-image-archive")) {
    for (const auto& word : words) items.push_back({.image = word});
  } else {
    items.push_back({.image = words.front(), .more_names = {words.begin() + 1, words.end()}});
  }
  TRY(engine::image_verbs(*engine).save(items, options));
  return 0;
}

Result<int> load(Context& context, const Args& args) {
  engine::LoadOptions options;
  options.input = args.text("input");
  options.quiet = args.flag("quiet");
  if (TRY(take_as_stdin(options.input))) options.input.clear();
  if (options.input.empty() && is_terminal(STDIN_FILENO)) {
    return Error(Errc::invalid, "cannot read from terminal, use command-line redirection or the --input flag");
  }
  auto* engine = TRY(context.engine());
  for (const auto& image : TRY(engine::image_verbs(*engine).load(options))) {
    if (image.names.empty()) context.output().line("Loaded image: sha256:" + image.id);
    for (const auto& name : image.names) context.output().line("Loaded image: " + name);
  }
  return 0;
}

constexpr std::string_view k_save_aliases[] = {"image save"};
constexpr std::string_view k_load_aliases[] = {"image load"};

}  // namespace

constexpr Command k_save_command = {.name = "save",
                                    .aliases = k_save_aliases,
                                    .usage = "[options] IMAGE [NAME...]",
                                    .summary = "Write images to an archive",
                                    .options = {group<k_save_options>},
                                    .least_words = 1,
                                    .complete = Complete::images,
                                    .run = save};

constexpr Command k_load_command = {.name = "load",
                                    .aliases = k_load_aliases,
                                    .usage = "[options]",
                                    .summary = "Read images from an archive",
                                    .options = {group<k_load_options>},
                                    .most_words = 0,
                                    .run = load};

}  // namespace ctr::cli
