// cp and export.
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "engine/file_verbs.h"

namespace ctr::cli {
namespace {

using engine::CopyEnd;

constexpr std::array k_cp_options = {
    flag("archive", 'a', "Give what is copied to a container to its user; false keeps the ids (default true)"),
    flag("overwrite", 0, "Let directories and other files replace each other"),
};
constexpr std::array k_export_options = {
    value("output", 'o', "FILE", "Write to FILE instead of standard output", Complete::files),
};

// CONTAINER:PATH, "-", or a path of the host: what begins with a dot or a slash is never a container.
CopyEnd parse_end(const std::string& word) {
  if (word == "-") return {.kind = CopyEnd::Kind::stream, .container = {}, .path = word};
  const auto colon = word.find(':');
  const bool is_path = word.starts_with('.') || word.starts_with('/') || colon == std::string::npos;
  if (is_path) return {.kind = CopyEnd::Kind::host, .container = {}, .path = word};
  return {.kind = CopyEnd::Kind::container, .container = word.substr(0, colon), .path = word.substr(colon + 1)};
}

Result<int> cp(Context& context, const Args& args) {
  const auto& words = args.words();
  engine::CopyRequest request;
  request.source = parse_end(words[0]);
  request.destination = parse_end(words[1]);
  request.archive = args.flag("archive", true);
  request.overwrite = args.flag("overwrite");
  if (request.source.path.empty() || request.destination.path.empty()) {
    return Error(Errc::invalid, fmt::format("invalid arguments \"{}\", \"{}\": you must specify paths",
                                            printable(words[0]), printable(words[1])));
  }
  const auto is_unnamed = [](const CopyEnd& end) { return end.container.empty(); };
  const bool has_nameless = (request.source.kind == CopyEnd::Kind::container && is_unnamed(request.source)) ||
                            (request.destination.kind == CopyEnd::Kind::container && is_unnamed(request.destination));
  if (has_nameless || (is_unnamed(request.source) && is_unnamed(request.destination))) {
    return Error(Errc::invalid, "name or ID cannot be empty").with_hint("one of the two paths is CONTAINER:PATH");
  }
  auto* engine = TRY(context.engine());
  TRY(engine::file_verbs(*engine).copy(request));
  return 0;
}

Result<int> export_root(Context& context, const Args& args) {
  const engine::ExportRequest request = {.container = args.words().front(), .output = args.text("output")};
  if (request.output.empty() && is_terminal(STDOUT_FILENO)) {
    return Error(Errc::invalid, "refusing to export to terminal. Use -o flag or redirect");
  }
  auto* engine = TRY(context.engine());
  TRY(engine::file_verbs(*engine).export_container(request));
  return 0;
}

constexpr std::string_view k_cp_aliases[] = {"container cp"};
constexpr std::string_view k_export_aliases[] = {"container export"};

}  // namespace

constexpr Command k_cp_command = {.name = "cp",
                                  .aliases = k_cp_aliases,
                                  .usage = "[options] [CONTAINER:]SRC_PATH [CONTAINER:]DEST_PATH",
                                  .summary = "Copy files between a container and the host",
                                  .options = {group<k_cp_options>},
                                  .least_words = 2,
                                  .most_words = 2,
                                  .complete = Complete::files,
                                  .run = cp};

constexpr Command k_export_command = {.name = "export",
                                      .aliases = k_export_aliases,
                                      .usage = "[options] CONTAINER",
                                      .summary = "Write a container's root to a tar archive",
                                      .options = {group<k_export_options>},
                                      .least_words = 1,
                                      .most_words = 1,
                                      .complete = Complete::containers,
                                      .run = export_root};

}  // namespace ctr::cli
