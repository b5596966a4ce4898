// diff, container diff, image diff.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/report.h"
#include "engine/file_verbs.h"

namespace ctr::cli {
namespace {

using engine::ChangedPath;
using engine::TreeKind;

constexpr std::array k_diff_options = {value("format", 0, "FORMAT", "json instead of lines")};

// podman's document: three lists of paths, those that are empty left out.
Json changes_json(const std::vector<ChangedPath>& changes) {
  Json document = Json::object();
  const auto add = [&](const char* key, ChangedPath::Kind kind) {
    Json paths = Json::array();
    for (const auto& change : changes) {
      if (change.kind == kind) paths.push(change.path);
    }
    if (!paths.as_array().empty()) document.set(key, std::move(paths));
  };
  add("changed", ChangedPath::Kind::changed);
  add("added", ChangedPath::Kind::added);
  add("deleted", ChangedPath::Kind::deleted);
  return document;
}

void print_lines(Output& output, const std::vector<ChangedPath>& changes) {
  constexpr std::string_view k_letters = "ACD";
  // Names come from the container: no byte of them commands a terminal.
  constexpr size_t k_path_limit_bytes = 16384;
  for (const auto& change : changes) {
    output.line(
        fmt::format("{} {}", k_letters[static_cast<size_t>(change.kind)], printable(change.path, k_path_limit_bytes)));
  }
}

Result<int> show_changes(Context& context, const Args& args, TreeKind kind, bool latest) {
  const std::string format = args.text("format");
  if (!format.empty() && !is_json_format(format)) {
    return Error(Errc::invalid, "only supported value for '--format' is 'json'");
  }
  std::vector<std::string> names = args.words();
  if (latest && !names.empty()) return Error(Errc::invalid, "--latest and arguments cannot be used together");
  if (latest) names = {TRY(one_container(context, args)).info.id.hex};
  if (names.empty()) return Error(Errc::invalid, "\"diff\" requires a name, id, or the \"--latest\" flag");
  auto* engine = TRY(context.engine());
  const auto changes = TRY(engine::file_verbs(*engine).diff(kind, names[0], names.size() > 1 ? names[1] : ""));
  if (format.empty()) {
    print_lines(context.output(), changes);
  } else {
    context.output().print(pretty(changes_json(changes), 5));
  }
  return 0;
}

Result<int> diff(Context& context, const Args& args) {
  return show_changes(context, args, TreeKind::any, args.flag("latest"));
}
Result<int> diff_container(Context& context, const Args& args) {
  return show_changes(context, args, TreeKind::container, args.flag("latest"));
}
Result<int> diff_image(Context& context, const Args& args) {
  return show_changes(context, args, TreeKind::image, false);
}

}  // namespace

constexpr Command k_diff_command = {.name = "diff",
                                    .aliases = {},
                                    .usage = "[options] CONTAINER|IMAGE [CONTAINER|IMAGE]",
                                    .summary = "List the files that a container or image has changed",
                                    .options = {group<k_diff_options>, latest_options},
                                    .most_words = 2,
                                    .complete = Complete::objects,
                                    .run = diff};

constexpr Command k_container_diff_command = {.name = "container diff",
                                              .aliases = {},
                                              .usage = "[options] CONTAINER [CONTAINER]",
                                              .summary = "List the files that a container has changed",
                                              .options = {group<k_diff_options>, latest_options},
                                              .most_words = 2,
                                              .complete = Complete::containers,
                                              .run = diff_container};

constexpr Command k_image_diff_command = {.name = "image diff",
                                          .aliases = {},
                                          .usage = "[options] IMAGE [IMAGE]",
                                          .summary = "List the files that an image's last layer has changed",
                                          .options = {group<k_diff_options>},
                                          .least_words = 1,
                                          .most_words = 2,
                                          .complete = Complete::images,
                                          .run = diff_image};

}  // namespace ctr::cli
