#include "engine/diff.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "base/channel.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "engine/image_lookup.h"
#include "engine/launch_record.h"
#include "engine/layers_at_hand.h"
#include "engine/worker.h"
#include "runtime/launch.h"
#include "storage/layers.h"
#include "storage/tree_diff.h"

// The answer is a record for each path: a letter, the path, NUL. An error is the letter E and its JSON.
namespace ctr::engine {
namespace {

constexpr int k_request_fd = 3;
constexpr int k_answer_fd = 4;
// About two million paths of usual length.
constexpr size_t k_answer_limit_bytes = size_t{256} << 20;
constexpr std::string_view k_letters = "ACD";  // as ChangedPath::Kind and storage::PathChange

// What every container is given at its start. Source: podman diff, which names these paths and not what is below them.
constexpr std::array<std::string_view, 12> k_given_paths = {
    "/dev", "/etc/hostname",      "/etc/hosts",  "/etc/mtab",        "/etc/resolv.conf", "/proc",
    "/run", "/run/.containerenv", "/run/notify", "/run/podman-init", "/run/secrets",     "/sys"};

// ---- the process that compares

Result<std::vector<Dir>> open_all(const std::vector<std::string>& paths) {
  std::vector<Dir> dirs;
  for (const auto& path : paths) dirs.push_back(TRY(Dir::open(path)));
  return dirs;
}

Result<std::string> compare() {
  const auto text = TRY(read_all(k_request_fd, size_t{4} << 20, "the request"));
  const auto json = TRY(parse_json(text, "request"));
  const JsonReader reader(json, "request");
  const auto newer = TRY(open_all(TRY(reader.strings("newer"))));
  const auto older = TRY(open_all(TRY(reader.strings("older"))));
  std::string answer;
  for (const auto& [path, change] : TRY(storage::diff_trees(newer, older))) {
    answer += k_letters[static_cast<size_t>(change)];
    answer += path;
    answer += '\0';
  }
  return answer;
}

// ---- this side

Result<std::vector<ChangedPath>> read_answer(std::string_view text) {
  std::vector<ChangedPath> changes;
  while (!text.empty()) {
    const auto end = text.find('\0');
    const auto letter = k_letters.find(text.front());
    if (end == std::string_view::npos || end == 0) return Error(Errc::io, "the list of changes is cut off");
    const auto rest = text.substr(1, end - 1);
    if (text.front() == 'E') return error_from_json(TRY(parse_json(rest, "the error of the process that compares")));
    if (letter == std::string_view::npos) return Error(Errc::io, "the list of changes has an unknown kind");
    if (std::find(k_given_paths.begin(), k_given_paths.end(), rest) == k_given_paths.end()) {
      changes.push_back({static_cast<ChangedPath::Kind>(letter), std::string(rest)});
    }
    text.remove_prefix(end + 1);
  }
  return changes;
}

// The directories of a tree, topmost first, and those of what it was made from.
struct Tree {
  std::vector<std::string> layers;
  std::vector<std::string> below;
  bool has_below = true;  // false: there is nothing it could be compared with by itself
};

Result<Tree> container_tree(Core& core, const storage::ContainerEntry& entry) {
  const auto dir = TRY(TRY(core.store())->containers().open(entry.id));
  const auto launch = TRY(parse_launch_record(TRY(dir.read_file(k_launch_file)), dir.path() + "/" + k_launch_file));
  const auto& rootfs = launch.rootfs;
  if (rootfs.kind == runtime::RootfsPlan::Kind::directory) return Tree{{rootfs.directory}, {}, false};
  Tree tree{.layers = {rootfs.upper_dir}, .below = rootfs.lower_dirs};
  tree.layers.insert(tree.layers.end(), rootfs.lower_dirs.begin(), rootfs.lower_dirs.end());
  return tree;
}

Result<Tree> image_tree(Core& core, const storage::ImageRecord& image) {
  const auto* store = TRY(core.store());
  const auto config = TRY(store->images().read_config(image));
  Tree tree;
  for (auto id = config.diff_ids.rbegin(); id != config.diff_ids.rend(); ++id) {
    const auto place = TRY(store->layers().locate(*id));
    const auto path = place ? place->diff_path : store->layers().diff_path(*id);
    if (std::find(tree.layers.begin(), tree.layers.end(), path) == tree.layers.end()) tree.layers.push_back(path);
  }
  if (!tree.layers.empty()) tree.below.assign(tree.layers.begin() + 1, tree.layers.end());
  return tree;
}

Result<Tree> find_tree(Core& core, TreeKind kind, const std::string& name) {
  if (kind != TreeKind::image) {
    auto entry = resolve_container(core, name);
    if (entry) return container_tree(core, *entry);
    if (entry.error().code() != Errc::not_found) return std::move(entry).error();
  }
  if (kind != TreeKind::container) {
    const auto image = TRY(find_image_record(core, name));
    if (image) return image_tree(core, TRY(get_single_image(core, name)).record);
  }
  constexpr std::string_view k_kinds[] = {"layer", "container", "image"};
  return Error(Errc::not_found,
               fmt::format("{} not found: {} not known", printable(name), k_kinds[static_cast<size_t>(kind)]));
}

}  // namespace

Result<std::vector<ChangedPath>> diff_named(Core& core, TreeKind kind, const std::string& name,
                                            const std::string& base) {
  const auto* store = TRY(core.store());
  for (const auto& word : {name, base}) {
    const auto image = kind == TreeKind::container || word.empty() ? std::nullopt : TRY(find_image_record(core, word));
    if (image) (void)TRY(bring_layers(core, image->record));
  }
  const auto images = TRY(store->images().hold(core.cancel()));
  auto tree = TRY(find_tree(core, kind, name));
  if (!base.empty()) tree.below = TRY(find_tree(core, kind, base)).layers;
  if (base.empty() && !tree.has_below) {
    return Error(Errc::unsupported, fmt::format("the root of container {} is a directory (--rootfs), which keeps no "
                                                "record of changes",
                                                printable(name)))
        .with_hint("name an image to compare it with: ctr diff CONTAINER IMAGE");
  }
  const auto* host = TRY(core.host());
  const Json request = Json::object().set("newer", Json::strings(tree.layers)).set("older", Json::strings(tree.below));
  const auto memory = TRY(make_sealed_memfd("ctr-diff", dump_json(request)));
  auto answer = TRY(make_pipe());
  auto child = TRY(runtime::launch_in_userns({*host,
                                              host->default_map(),
                                              core.options().own_binary,
                                              {"ctr", std::string(k_diff_verb)},
                                              core.helper_env(),
                                              {{memory.get(), k_request_fd}, {answer.write_end.get(), k_answer_fd}},
                                              "/"}));
  answer.write_end.reset();
  const auto text = TRY(read_all(answer.read_end.get(), k_answer_limit_bytes, "the list of changes"));
  const auto status = TRY(child.wait(core.cancel()));
  auto changes = TRY(read_answer(text));
  if (status.code != 0)
    return Error(Errc::io, fmt::format("the process that compares ended with code {}", status.code));
  return changes;
}

int run_diff_process() {
  // Each level of a tree holds a descriptor for each layer.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
  }
  const auto done = compare();
  const auto answer = done ? *done : "E" + dump_json(to_json(done.error())) + std::string(1, '\0');
  const auto sent = write_all(k_answer_fd, answer, "the list of changes");
  return done && sent ? 0 : 1;
}

}  // namespace ctr::engine
