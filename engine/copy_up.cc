#include "engine/copy_up.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/text.h"
#include "engine/worker.h"
#include "runtime/launch.h"
#include "storage/volumes.h"

namespace ctr::engine {

namespace {

constexpr int k_request_fd = 3;
constexpr int k_answer_fd = 4;
constexpr int k_target_fd = 5;
constexpr size_t k_answer_limit_bytes = size_t{64} << 10;

// Covered by the stack of layers: there on every system, and nothing of it is needed any more. The mount namespace is
// the worker's own.
constexpr const char* k_stack_place = "/dev";

// The layers as one tree: a read-only overlay. Its options have to fit into a page, so that layers are named by their
// descriptors, seen from /proc/self/fd; fsconfig(2) would take 255 bytes.
Result<Dir> open_stack(const std::vector<std::string>& lower_dirs) {
  if (lower_dirs.size() == 1) return Dir::open(lower_dirs.front());
  std::vector<Fd> layers;
  std::string options = "lowerdir=";
  for (const auto& dir : lower_dirs) {
    layers.push_back(TRY(open_path(dir, O_PATH | O_DIRECTORY)));
    options += fmt::format("{}{}", layers.size() == 1 ? "" : ":", layers.back().get());
  }
  options += ",userxattr";
  if (chdir("/proc/self/fd") != 0) return Error::from_errno("enter '/proc/self/fd'");
  if (mount("overlay", k_stack_place, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, options.c_str()) != 0) {
    return Error::from_errno("stack the image's layers");
  }
  if (chdir("/") != 0) return Error::from_errno("leave '/proc/self/fd'");
  return Dir(TRY(open_path(k_stack_place, O_RDONLY | O_DIRECTORY)), "image");
}

// ---- requests as JSON

Json ranges_json(const std::vector<runtime::IdRange>& ranges) {
  Json json = Json::array();
  for (const auto& range : ranges) {
    json.push(Json::object().set("inside", range.inside).set("outside", range.outside).set("size", range.size));
  }
  return json;
}

Result<std::vector<runtime::IdRange>> read_ranges(const JsonReader& reader, std::string_view key) {
  std::vector<runtime::IdRange> ranges;
  for (const auto& element : TRY(reader.elements(key))) {
    ranges.push_back({static_cast<uint32_t>(TRY(element.get_uint("inside"))),
                      static_cast<uint32_t>(TRY(element.get_uint("outside"))),
                      static_cast<uint32_t>(TRY(element.get_uint("size")))});
  }
  return ranges;
}

Json to_json(const FillRequest& request) {
  return Json::object()
      .set("act", "fill")
      .set("lower_dirs", Json::strings(request.lower_dirs))
      .set("path", request.path)
      .set("copy", request.copy)
      .set("chown", request.chown)
      .set("sync", request.sync)
      .set("uid", request.uid)
      .set("gid", request.gid)
      .set("uids", ranges_json(request.owners.uids))
      .set("gids", ranges_json(request.owners.gids));
}

Result<FillRequest> fill_from_json(const JsonReader& reader) {
  FillRequest request;
  request.lower_dirs = TRY(reader.strings("lower_dirs"));
  request.path = TRY(reader.get_string("path"));
  request.copy = TRY(reader.get_bool("copy"));
  request.chown = TRY(reader.get_bool("chown"));
  request.sync = TRY(reader.get_bool("sync"));
  request.uid = static_cast<uint32_t>(TRY(reader.get_uint("uid")));
  request.gid = static_cast<uint32_t>(TRY(reader.get_uint("gid")));
  request.owners = {TRY(read_ranges(reader, "uids")), TRY(read_ranges(reader, "gids"))};
  return request;
}

Json to_json(const ChownRequest& request) {
  return Json::object()
      .set("act", "chown")
      .set("uid", request.uid)
      .set("gid", request.gid)
      .set("tree", request.reach == ChownRequest::Reach::tree);
}

Result<ChownRequest> chown_from_json(const JsonReader& reader) {
  ChownRequest request;
  request.uid = static_cast<uint32_t>(TRY(reader.get_uint("uid")));
  request.gid = static_cast<uint32_t>(TRY(reader.get_uint("gid")));
  request.reach = TRY(reader.get_bool("tree")) ? ChownRequest::Reach::tree : ChownRequest::Reach::itself;
  return request;
}

// ---- the worker

// The place of the volume in the image; nullopt where the image has no directory there. Absolute links begin at the
// image's root.
Result<std::optional<Dir>> open_place(const Dir& image, const std::string& path) {
  // "." and not "": the root itself may be asked for.
  auto place = image.open_in_root("." + path, O_RDONLY | O_DIRECTORY);
  if (place) return std::optional(Dir(std::move(*place), "image" + path));
  const int sys = place.error().sys();
  if (sys == ENOENT || sys == ENOTDIR) return std::optional<Dir>();
  return std::move(place).error();
}

// What a container has made there meanwhile stays.
Result<void> move_entries(const Dir& volume, const Dir& data) {
  const Dir filled = TRY(volume.open_dir(k_volume_filled));
  for (const auto& name : TRY(filled.list())) {
    auto moved = filled.rename(name, data, name, RENAME_NOREPLACE);
    if (!moved && moved.error().code() != Errc::exists) return moved;
  }
  return remove_tree(volume, k_volume_filled);
}

// Whether the volume has content now.
Result<bool> copy_content(const FillRequest& request, const Dir& from, const Dir& volume, const Dir& data) {
  if (!TRY(data.list()).empty()) return true;
  if (TRY(from.list()).empty()) return false;
  TRY(volume.make_dir(k_volume_filling, 0700));
  TRY(copy_tree(from, TRY(volume.open_dir(k_volume_filling)), request.owners));
  if (request.sync) TRY(sync_file_system(volume));
  TRY(volume.rename(k_volume_filling, volume, k_volume_filled));
  TRY(move_entries(volume, data));
  return true;
}

Result<bool> fill(const FillRequest& request, const Dir& volume) {
  umask(0);
  const Dir data = TRY(volume.open_dir(storage::k_volume_data));
  if (volume.exists(k_volume_filled)) TRY(move_entries(volume, data));
  TRY(remove_tree(volume, k_volume_filling));
  const auto place = TRY(open_place(TRY(open_stack(request.lower_dirs)), request.path));
  const bool filled = place && request.copy && TRY(copy_content(request, *place, volume, data));
  if (request.chown && place) TRY(copy_status(*place, data, request.owners));
  if (request.chown && !place) {
    TRY(give_tree(data.fd(), {request.uid, request.gid, ChownRequest::Reach::itself}));
  }
  if (request.sync) TRY(data.sync());
  return filled;
}

Result<Json> perform() {
  const auto text = TRY(read_all(k_request_fd, size_t{4} << 20, "the volume request"));
  const auto json = TRY(parse_json(text, "volume request"));
  const JsonReader reader(json, "volume request");
  Json answer = Json::object();
  if (TRY(reader.get_string("act")) == "chown") {
    TRY(give_tree(k_target_fd, TRY(chown_from_json(reader))));
  } else {
    answer.set("filled", TRY(fill(TRY(fill_from_json(reader)), Dir(Fd(k_target_fd), "volume"))));
  }
  return answer;
}

// Starts the worker and waits for its word.
Result<Json> run_worker_on(Core& core, const Json& request, int target) {
  const auto* host = TRY(core.host());
  const auto memory = TRY(make_sealed_memfd("ctr-volume", dump_json(request)));
  auto answer = TRY(make_pipe());
  auto child = TRY(runtime::launch_in_userns(
      {*host,
       host->default_map(),
       core.options().own_binary,
       {"ctr", std::string(k_volume_verb)},
       core.helper_env(),
       {{memory.get(), k_request_fd}, {answer.write_end.get(), k_answer_fd}, {target, k_target_fd}},
       "/"}));
  answer.write_end.reset();
  const auto text = TRY(read_all(answer.read_end.get(), k_answer_limit_bytes, "the volume worker's answer"));
  const auto status = TRY(child.wait(core.cancel()));
  auto json = parse_json(text, "the volume worker's answer");
  if (json && status.code == 0) return json;
  if (json) return error_from_json(*json);
  return Error(Errc::io, fmt::format("the volume worker ended with code {}", status.code));
}

}  // namespace

int run_volume_worker() {
  const auto done = perform();
  const auto answer = done ? *done : to_json(done.error());
  const auto sent = write_all(k_answer_fd, dump_json(answer), "the volume worker's answer");
  return done && sent ? 0 : 1;
}

Result<bool> fill_volume(Core& core, const FillRequest& request, const Dir& volume) {
  const auto answer = TRY(run_worker_on(core, to_json(request), volume.fd()));
  return JsonReader(answer, "the volume worker's answer").get_bool("filled");
}

Result<void> chown_tree(Core& core, const ChownRequest& request, int target) {
  (void)TRY(run_worker_on(core, to_json(request), target));
  return ok();
}

}  // namespace ctr::engine
