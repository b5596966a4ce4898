// mount, unmount, image mount, image unmount.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/table.h"
#include "engine/container_verbs.h"
#include "engine/image_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_mount_options = {
    flag("all", 'a', "All of them"),
    value("format", 0, "FORMAT", "json for a JSON document"),
};
constexpr std::array k_long_options = {flag("no-trunc", 0, "Print whole ids")};
constexpr std::array k_unmount_options = {
    flag("all", 'a', "All that are mounted"),
    flag("force", 'f', "Accepted: a mount is never counted"),
};

// What names are in podman's documents of containers and of images.
enum class Kind { container, image };

std::string document(const std::vector<engine::MountedRoot>& mounted, Kind kind) {
  Json list = Json::array();
  for (const auto& root : mounted) {
    list.push(Json::object()
                  .set("id", root.id)
                  .set(kind == Kind::container ? "Names" : "Repositories", Json::strings(root.names))
                  .set("mountpoint", root.path));
  }
  return pretty(list, 1);
}

// One line for each: in columns, as podman's.
void print_lines(Context& context, const std::vector<engine::MountedRoot>& mounted, Kind kind, bool whole_ids) {
  size_t width = 0;
  const auto first = [&](const engine::MountedRoot& root) {
    if (kind == Kind::image && !root.names.empty()) return root.names.front();
    return whole_ids ? root.id : root.id.substr(0, 12);
  };
  for (const auto& root : mounted) width = std::max(width, first(root).size());
  for (const auto& root : mounted) context.output().line(fmt::format("{:<{}}  {}", first(root), width, root.path));
}

Result<bool> wants_json(const Args& args) {
  const auto format = args.text("format");
  if (format.empty() || format == "json") return format == "json";
  return Error(Errc::invalid, fmt::format("unknown --format argument: \"{}\"", printable(format)));
}

Result<void> print(Context& context, const Args& args, const std::vector<engine::MountedRoot>& mounted, Kind kind,
                   bool whole_ids) {
  if (TRY(wants_json(args))) {
    context.output().print(document(mounted, kind));
  } else {
    print_lines(context, mounted, kind, whole_ids);
  }
  return ok();
}

// What was named and could be mounted; errors are printed.
template <typename Each>
int mount_each(Context& context, const std::vector<std::string>& names, Each each) {
  int code = 0;
  for (const auto& name : names) {
    const Result<void> done = each(name);
    if (done) continue;
    context.output().error(done.error());
    code = 125;
  }
  return code;
}

Result<int> mount(Context& context, const Args& args) {
  const bool names_some = !args.words().empty() || args.flag("all") || args.flag("latest");
  auto* engine = TRY(context.engine());
  auto& verbs = engine::container_verbs(*engine);
  if (!names_some) {
    TRY(print(context, args, TRY(verbs.mounted()), Kind::container, args.flag("no-trunc")));
    return 0;
  }
  (void)TRY(wants_json(args));
  std::vector<engine::MountedRoot> mounted;
  int code = 0;
  for (const auto& [info, outcome] : TRY(engine->select(TRY(selection(k_mount_command, args))))) {
    auto path = outcome.error ? Result<std::string>(*outcome.error) : verbs.mount(info.id);
    if (path) {
      mounted.push_back({info.id.hex, {info.name}, *path});
      continue;
    }
    context.output().error(path.error());
    code = 125;
  }
  if (args.words().size() == 1 && !args.has("format")) {
    for (const auto& root : mounted) context.output().line(root.path);
    return code;
  }
  TRY(print(context, args, mounted, Kind::container, args.flag("no-trunc")));
  return code;
}

Result<int> unmount(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  auto& verbs = engine::container_verbs(*engine);
  auto wanted = TRY(selection(k_unmount_command, args));
  if (wanted.all) {
    wanted.all = false;
    for (const auto& root : TRY(verbs.mounted())) wanted.names.push_back(root.id);
  }
  return for_each_container(context, wanted, Echo::typed,
                            [&](engine::Engine&, const engine::ContainerInfo& info) { return verbs.unmount(info.id); });
}

Result<int> image_mount(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  auto& verbs = engine::image_verbs(*engine);
  auto names = args.words();
  if (!names.empty() && args.flag("all")) {
    return Error(Errc::invalid, "when using the --all switch, you may not pass any image names or IDs");
  }
  const bool is_one = names.size() == 1 && !args.has("format");
  if (args.flag("all")) {
    for (const auto& image : TRY(engine->list_images())) names.push_back(image.id);
  } else if (names.empty()) {
    TRY(print(context, args, TRY(verbs.mounted()), Kind::image, false));
    return 0;
  }
  (void)TRY(wants_json(args));
  std::vector<engine::MountedRoot> mounted;
  const int code = mount_each(context, names, [&](const std::string& name) -> Result<void> {
    const auto path = TRY(verbs.mount(name));
    const auto image = TRY(engine->find_image(name));
    mounted.push_back({image.id, image.names, path});
    return ok();
  });
  if (is_one) {
    for (const auto& root : mounted) context.output().line(root.path);
    return code;
  }
  TRY(print(context, args, mounted, Kind::image, false));
  return code;
}

Result<int> image_unmount(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  auto& verbs = engine::image_verbs(*engine);
  auto names = args.words();
  if (names.empty() != args.flag("all")) {
    return Error(Errc::invalid, names.empty() ? "image name or ID must be specified"
                                              : "when using the --all switch, you may not pass any image names or IDs");
  }
  if (args.flag("all")) {
    for (const auto& root : TRY(verbs.mounted())) names.push_back(root.id);
  }
  return mount_each(context, names, [&](const std::string& name) -> Result<void> {
    context.output().line(TRY(verbs.unmount(name)));
    return ok();
  });
}

constexpr std::string_view k_mount_aliases[] = {"container mount"};
constexpr std::string_view k_unmount_aliases[] = {"umount", "container unmount", "container umount"};
constexpr std::string_view k_image_unmount_aliases[] = {"image umount"};

}  // namespace

constexpr Command k_mount_command = {.name = "mount",
                                     .aliases = k_mount_aliases,
                                     .usage = "[options] [CONTAINER...]",
                                     .summary = "Mount the root of containers, inside of ctr unshare",
                                     .options = {group<k_mount_options>, group<k_long_options>, latest_options},
                                     .complete = Complete::containers,
                                     .run = mount};

constexpr Command k_unmount_command = {.name = "unmount",
                                       .aliases = k_unmount_aliases,
                                       .usage = "[options] CONTAINER [CONTAINER...]",
                                       .summary = "Unmount the root of containers",
                                       .options = {group<k_unmount_options>, latest_options},
                                       .complete = Complete::containers,
                                       .run = unmount};

constexpr Command k_image_mount_command = {.name = "image mount",
                                           .aliases = {},
                                           .usage = "[options] [IMAGE...]",
                                           .summary = "Mount images read-only, inside of ctr unshare",
                                           .options = {group<k_mount_options>},
                                           .complete = Complete::images,
                                           .run = image_mount};

constexpr Command k_image_unmount_command = {.name = "image unmount",
                                             .aliases = k_image_unmount_aliases,
                                             .usage = "[options] IMAGE [IMAGE...]",
                                             .summary = "Unmount images",
                                             .options = {group<k_unmount_options>},
                                             .complete = Complete::images,
                                             .run = image_unmount};

}  // namespace ctr::cli
