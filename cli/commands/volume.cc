// volume create, exists, inspect, ls, prune and rm.
#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/commands/prune.h"
#include "cli/inspect_view.h"
#include "cli/output.h"
#include "cli/volume_view.h"
#include "engine/system_verbs.h"

namespace ctr::cli {
namespace {

using engine::VolumeInfo;

constexpr std::array k_create_options = {
    value("driver", 'd', "DRIVER", "Only local is supported"),
    value("gid", 0, "GID", "Group that owns the volume's directory"),
    flag("ignore", 0, "A volume that exists already is no error"),
    list("label", 'l', "KEY=VALUE", "Label of the volume"),
    list("opt", 'o', "KEY=VALUE", "type, device and o of a mount; uid, gid, copy, nocopy"),
    value("uid", 0, "UID", "User who owns the volume's directory"),
};
constexpr std::array k_ls_options = {
    value("format", 0, "FORMAT", "json, or a Go template; with \"table \" in front it has headings"),
    flag("noheading", 'n', "No headings"),
    flag("quiet", 'q', "Only names"),
};
constexpr std::array k_inspect_options = {
    flag("all", 'a', "All volumes"),
    value("format", 'f', "FORMAT", "json, or a Go template that is printed for each volume"),
};
constexpr std::array k_rm_options = {
    flag("all", 'a', "All volumes"),
    flag("force", 'f', "Remove the containers that use it first; what does not exist is no error"),
    value("time", 't', "SECONDS", "With --force: time between the stop signal and SIGKILL"),
};
constexpr std::array k_prune_options = {
    flag("all", 'a', "Volumes with a name, too"),
    flag("dry-run", 0, "Print what would be removed, and remove nothing"),
    flag("force", 'f', "Do not ask"),
};

// (uid_t)-1 means "no change" to chown(2).
constexpr uint64_t k_last_id = UINT32_MAX - 1;

Result<std::optional<uint32_t>> id_option(const Args& args, std::string_view name) {
  if (!args.has(name)) return std::optional<uint32_t>();
  const auto id = TRY(parse_unsigned(args.text(name), fmt::format("--{}", name), k_last_id));
  return std::optional(static_cast<uint32_t>(id));
}

Result<int> create(Context& context, const Args& args) {
  engine::VolumeOptions options;
  if (!args.words().empty()) options.name = args.words().front();
  options.driver = args.text("driver", "local");
  options.labels = TRY(key_values(args.list("label"), "label"));
  options.options = TRY(key_values(args.list("opt"), "option"));
  options.uid = TRY(id_option(args, "uid"));
  options.gid = TRY(id_option(args, "gid"));
  options.ignore_existing = args.flag("ignore");
  auto* engine = TRY(context.engine());
  context.output().line(TRY(engine->create_volume(options)).name);
  return 0;
}

Json rows_of(const std::vector<VolumeInfo>& volumes, Json (*row)(const VolumeInfo&)) {
  Json rows = Json::array();
  for (const auto& volume : volumes) rows.push(row(volume));
  return rows;
}

Result<int> ls(Context& context, const Args& args) {
  const std::string format = args.text("format");
  if (args.flag("quiet") && args.has("format")) {
    return Error(Errc::invalid, "quiet and format flags cannot be used together");
  }
  auto* engine = TRY(context.engine());
  const auto volumes = TRY(engine->list_volumes(TRY(parse_filters(args))));
  Output& output = context.output();
  if (args.flag("quiet")) {
    for (const auto& volume : volumes) output.line(volume.name);
  } else if (is_json_format(format)) {
    output.print(pretty(rows_of(volumes, volume_json), 2));
  } else {
    const auto rows = rows_of(volumes, volume_row);
    const auto heading = args.flag("noheading") ? Heading::no : Heading::yes;
    output.print(TRY(print_listing(volume_listing(), format, rows, heading)));
  }
  return 0;
}

Result<int> inspect(Context& context, const Args& args) {
  const bool all = args.flag("all");
  if (all != args.words().empty()) return Error(Errc::invalid, "provide one or more volume names or use --all");
  auto* engine = TRY(context.engine());
  std::vector<VolumeInfo> volumes;
  std::vector<Error> errors;
  if (all) volumes = TRY(engine->list_volumes({}));
  for (const auto& name : args.words()) {
    auto found = engine->find_volume(name);
    if (found) {
      volumes.push_back(std::move(*found));
    } else {
      errors.push_back(std::move(found).error());
    }
  }
  const std::string format = args.text("format");
  const bool json = format.empty() || is_json_format(format);
  const auto rows = rows_of(volumes, json ? volume_json : volume_row);
  context.output().print(TRY(print_documents(volume_inspect_listing(), rows, format)));
  for (const auto& error : errors) context.output().error(error);
  return errors.empty() ? 0 : 125;
}

Result<int> exists(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  return existence(engine->find_volume(args.words().front(), engine::Engine::Lookup::exact));
}

Result<int> rm(Context& context, const Args& args) {
  const bool all = args.flag("all");
  if (all != args.words().empty()) return Error(Errc::invalid, "choose either one or more volumes or all");
  const engine::RemoveOptions options{args.flag("force"), false, TRY(forced_stop_timeout(args))};
  auto* engine = TRY(context.engine());
  auto names = args.words();
  if (all) {
    for (const auto& volume : TRY(engine->list_volumes({}))) names.push_back(volume.name);
  }
  return remove_each(context, names, options.force ? Missing::ignored : Missing::told,
                     [&](const std::string& name) -> Result<std::vector<std::string>> {
                       TRY(engine->remove_volume(name, options));
                       return std::vector{name};
                     });
}

// Without --all only volumes that no user gave a name to.
Result<std::vector<VolumeInfo>> find_unused(engine::Engine& engine, const std::vector<engine::ContainerFilter>& filters,
                                            bool all) {
  auto wanted = filters;
  wanted.push_back({"dangling", "true"});
  if (!all) wanted.push_back({"anonymous", "true"});
  return engine.list_volumes(wanted);
}

Result<int> prune(Context& context, const Args& args) {
  bool all = args.flag("all");
  std::vector<engine::ContainerFilter> filters;
  for (auto& filter : TRY(parse_filters(args))) {
    if (filter.key != "all") {
      filters.push_back(std::move(filter));
    } else if (TRY(parse_bool(filter.value, "the filter all"))) {
      if (args.flag("all")) return Error(Errc::invalid, "--all and --filter all cannot be used together");
      all = true;
    }
  }
  auto* engine = TRY(context.engine());
  const auto unused = TRY(find_unused(*engine, filters, all));
  Output& output = context.output();
  if (args.flag("dry-run")) {
    for (const auto& volume : unused) output.line(volume.name);
    return 0;
  }
  if (!args.flag("force")) {
    output.note(
        fmt::format("WARNING! This will remove {} volumes not used by at least one container. The following "
                    "volumes will be removed:",
                    all ? "all" : "anonymous local"));
    for (const auto& volume : unused) output.note(volume.name);
    if (unused.empty()) output.note(all ? "No dangling volumes found" : "No dangling anonymous volumes found");
    if (unused.empty() || !TRY(confirm(context))) return 0;
  }
  const auto pruned = TRY(prune_volumes(context, unused));
  for (const auto& name : pruned.names) output.line(name);
  return pruned.code;
}

constexpr std::string_view k_ls_aliases[] = {"volume list"};
constexpr std::string_view k_rm_aliases[] = {"volume remove"};

}  // namespace

Result<Pruned> prune_volumes(Context& context, const std::vector<VolumeInfo>& volumes) {
  auto* engine = TRY(context.engine());
  Pruned pruned;
  for (const auto& volume : volumes) {
    auto removed = engine->remove_volume(volume.name, {});
    if (removed) {
      engine::system_verbs(*engine).note("volume", "prune", volume.name);
      pruned.names.push_back(volume.name);
    } else if (removed.error().code() != Errc::in_use && removed.error().code() != Errc::not_found) {
      context.output().error(removed.error());
      pruned.code = 125;
    }
  }
  return pruned;
}

constexpr Command k_volume_create_command = {.name = "volume create",
                                             .aliases = {},
                                             .usage = "[options] [NAME]",
                                             .summary = "Make a volume",
                                             .options = {group<k_create_options>},
                                             .most_words = 1,
                                             .run = create};

constexpr Command k_volume_exists_command = {.name = "volume exists",
                                             .aliases = {},
                                             .usage = "VOLUME",
                                             .summary = "Tell by the exit code whether there is a volume",
                                             .least_words = 1,
                                             .most_words = 1,
                                             .complete = Complete::volumes,
                                             .run = exists};

constexpr Command k_volume_inspect_command = {.name = "volume inspect",
                                              .aliases = {},
                                              .usage = "[options] VOLUME [VOLUME...]",
                                              .summary = "Print all that is known of volumes",
                                              .options = {group<k_inspect_options>},
                                              .complete = Complete::volumes,
                                              .run = inspect};

constexpr Command k_volume_ls_command = {.name = "volume ls",
                                         .aliases = k_ls_aliases,
                                         .usage = "[options]",
                                         .summary = "List volumes",
                                         .options = {filter_options, group<k_ls_options>},
                                         .most_words = 0,
                                         .run = ls};

constexpr Command k_volume_prune_command = {.name = "volume prune",
                                            .aliases = {},
                                            .usage = "[options]",
                                            .summary = "Remove volumes that no container uses",
                                            .options = {filter_options_long, group<k_prune_options>},
                                            .most_words = 0,
                                            .run = prune};

constexpr Command k_volume_rm_command = {.name = "volume rm",
                                         .aliases = k_rm_aliases,
                                         .usage = "[options] VOLUME [VOLUME...]",
                                         .summary = "Remove volumes",
                                         .options = {group<k_rm_options>},
                                         .complete = Complete::volumes,
                                         .run = rm};

}  // namespace ctr::cli
