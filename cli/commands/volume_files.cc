// volume export, import, mount, unmount and reload.
#include <unistd.h>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "engine/file_verbs.h"

namespace ctr::cli {
namespace {

using engine::CopyEnd;

constexpr std::array k_export_options = {
    value("output", 'o', "FILE", "Write to FILE instead of standard output", Complete::files),
};

CopyEnd volume_end(const std::string& name) { return {.kind = CopyEnd::Kind::volume, .container = name, .path = "/."}; }
CopyEnd stream_end(const std::string& path) { return {.kind = CopyEnd::Kind::stream, .container = {}, .path = path}; }

// By the unique beginning of a name, too.
Result<std::string> full_name(engine::Engine& engine, const std::string& name) {
  return TRY(engine.find_volume(name)).name;
}

Result<int> export_volume(Context& context, const Args& args) {
  const auto output = args.text("output");
  if (output.empty() && is_terminal(STDOUT_FILENO)) {
    return Error(Errc::invalid, "refusing to export to terminal. Use -o flag or redirect");
  }
  auto* engine = TRY(context.engine());
  const auto name = TRY(full_name(*engine, args.words().front()));
  TRY(engine::file_verbs(*engine).copy({.source = volume_end(name),
                                        .destination = stream_end(output.empty() ? "-" : output),
                                        .archive = false,
                                        .overwrite = false}));
  return 0;
}

Result<int> import_volume(Context& context, const Args& args) {
  const auto& words = args.words();
  if (words[1] == "-" && is_terminal(STDIN_FILENO)) {
    return Error(Errc::invalid, "cannot read from terminal, use command-line redirection or name a file");
  }
  auto* engine = TRY(context.engine());
  const auto name = TRY(full_name(*engine, words[0]));
  TRY(engine::file_verbs(*engine).copy(
      {.source = stream_end(words[1]), .destination = volume_end(name), .archive = false, .overwrite = true}));
  return 0;
}

// Prints what `act` has to tell of each; errors of one do not keep the others.
template <typename Act>
Result<int> for_each_volume(Context& context, const Args& args, Act act) {
  auto* engine = TRY(context.engine());
  int code = 0;
  for (const auto& name : args.words()) {
    const Result<std::string> done = act(engine::file_verbs(*engine), name);
    if (done) {
      context.output().line(*done);
    } else {
      context.output().error(done.error());
      code = 125;
    }
  }
  return code;
}

Result<int> mount(Context& context, const Args& args) {
  return for_each_volume(context, args, [](auto& verbs, const auto& name) { return verbs.mount_volume(name); });
}

Result<int> unmount(Context& context, const Args& args) {
  return for_each_volume(context, args, [](auto& verbs, const auto& name) { return verbs.unmount_volume(name); });
}

// Volumes of plugins are what podman reads anew; there are none here.
Result<int> reload(Context&, const Args&) { return 0; }

}  // namespace

constexpr Command k_volume_export_command = {.name = "volume export",
                                             .aliases = {},
                                             .usage = "[options] VOLUME",
                                             .summary = "Write what is in a volume to a tar archive",
                                             .options = {group<k_export_options>},
                                             .least_words = 1,
                                             .most_words = 1,
                                             .complete = Complete::volumes,
                                             .run = export_volume};

constexpr Command k_volume_import_command = {.name = "volume import",
                                             .aliases = {},
                                             .usage = "VOLUME FILE|-",
                                             .summary = "Put what is in a tar archive into a volume",
                                             .least_words = 2,
                                             .most_words = 2,
                                             .complete = Complete::volumes,
                                             .run = import_volume};

constexpr Command k_volume_mount_command = {.name = "volume mount",
                                            .aliases = {},
                                            .usage = "VOLUME [VOLUME...]",
                                            .summary = "Mount volumes where the caller sees them",
                                            .least_words = 1,
                                            .complete = Complete::volumes,
                                            .run = mount};

constexpr Command k_volume_reload_command = {.name = "volume reload",
                                             .aliases = {},
                                             .usage = "",
                                             .summary = "Read the volumes of plugins anew; there are none",
                                             .most_words = 0,
                                             .run = reload};

constexpr Command k_volume_unmount_command = {.name = "volume unmount",
                                              .aliases = {},
                                              .usage = "VOLUME [VOLUME...]",
                                              .summary = "Unmount volumes",
                                              .least_words = 1,
                                              .complete = Complete::volumes,
                                              .run = unmount};

}  // namespace ctr::cli
