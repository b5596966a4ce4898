#include "engine/diff.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/channel.h"
#include "base/text.h"
#include "engine/image_lookup.h"
#include "engine/worker.h"
#include "runtime/launch.h"
#include "storage/tree_diff.h"

namespace ctr::engine {
namespace {

constexpr int k_request_fd = 3;
constexpr int k_answer_fd = 4;
// Ten million short paths would be more; a listing of that length is of no use to anybody.
constexpr JsonLimits k_answer_limits = {.size_bytes = size_t{256} << 20, .values = size_t{1} << 22};
constexpr const char* k_kinds[] = {"added", "changed", "deleted"};

Result<storage::PathChanges> compare(const std::vector<std::string>& bottom_first, size_t first) {
  storage::PathChanges changes;
  for (size_t i = first; i < bottom_first.size(); ++i) {
    std::vector<Dir> below;
    for (size_t under = i; under > 0; --under) below.push_back(TRY(Dir::open(bottom_first[under - 1])));
    storage::add_changes(changes, TRY(storage::diff_layer(TRY(Dir::open(bottom_first[i])), below)));
  }
  return changes;
}

Result<Json> perform() {
  const auto text = TRY(read_all(k_request_fd, size_t{4} << 20, "the request"));
  const auto json = TRY(parse_json(text, "request"));
  const JsonReader reader(json, "request");
  const auto changes = TRY(compare(TRY(reader.strings("layers")), TRY(reader.get_uint("first"))));
  Json answer = Json::object();
  for (const auto kind : {storage::PathChange::added, storage::PathChange::changed, storage::PathChange::deleted}) {
    Json paths = Json::array();
    for (const auto& [path, change] : changes) {
      if (change == kind) paths.push(path);
    }
    answer.set(k_kinds[static_cast<size_t>(kind)], std::move(paths));
  }
  return answer;
}

Result<std::vector<ChangedPath>> changes_from_json(const Json& json) {
  if (const Json* error = json.find("error")) return error_from_json(*error);
  const JsonReader reader(json, "the answer");
  std::vector<ChangedPath> changes;
  for (size_t kind = 0; kind < std::size(k_kinds); ++kind) {
    for (auto& path : TRY(reader.strings(k_kinds[kind]))) {
      changes.push_back({static_cast<ChangedPath::Kind>(kind), std::move(path)});
    }
  }
  std::sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return changes;
}

std::vector<std::string> layer_paths(const storage::Store& store, const oci::ImageConfig& config) {
  std::vector<std::string> paths;
  for (const auto& diff_id : config.diff_ids) paths.push_back(store.layers().diff_path(diff_id));
  return paths;
}

// How many layers from the bottom on both images have.
size_t common_layers(const oci::ImageConfig& a, const oci::ImageConfig& b) {
  size_t count = 0;
  while (count < a.diff_ids.size() && count < b.diff_ids.size() && a.diff_ids[count] == b.diff_ids[count]) ++count;
  return count;
}

}  // namespace

Result<std::vector<ChangedPath>> diff_image(Core& core, const std::string& image, const std::string& base) {
  const auto* store = TRY(core.store());
  const auto find = [&](const std::string& name) -> Result<oci::ImageConfig> {
    const auto found = TRY(get_image_record(core, name).context(printable(name) + " not found"));
    return store->images().read_config(found.record);
  };
  const auto config = TRY(find(image));
  if (config.diff_ids.empty()) return std::vector<ChangedPath>{};
  const size_t first = base.empty() ? config.diff_ids.size() - 1 : common_layers(config, TRY(find(base)));
  const auto images = TRY(store->images().hold(core.cancel()));
  return diff_directories(core, layer_paths(*store, config), first);
}

Result<std::vector<ChangedPath>> diff_directories(Core& core, const std::vector<std::string>& bottom_first,
                                                  size_t first) {
  const auto* host = TRY(core.host());
  const Json request = Json::object().set("layers", Json::strings(bottom_first)).set("first", uint64_t{first});
  const auto memory = TRY(make_sealed_memfd("diff", dump_json(request)));
  auto answer = TRY(make_pipe());
  auto child = TRY(runtime::launch_in_userns({*host,
                                              host->default_map(),
                                              core.options().own_binary,
                                              {"ctr", std::string(k_diff_verb)},
                                              core.helper_env(),
                                              {{memory.get(), k_request_fd}, {answer.write_end.get(), k_answer_fd}},
                                              "/"}));
  answer.write_end.reset();
  const auto text = TRY(read_all(answer.read_end.get(), k_answer_limits.size_bytes, "the list of changes"));
  const auto status = TRY(child.wait(core.cancel()));
  if (text.empty()) return Error(Errc::io, fmt::format("the process that compares ended with code {}", status.code));
  return changes_from_json(TRY(parse_json(text, "the list of changes", k_answer_limits)));
}

int run_diff_process() {
  // Each level of a tree holds a descriptor for each layer.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
  }
  const auto done = perform();
  const auto answer = done ? *done : Json::object().set("error", to_json(done.error()));
  const auto sent = write_all(k_answer_fd, dump_json(answer), "the answer");
  return done && sent ? 0 : 1;
}

}  // namespace ctr::engine
