#include "storage/tree_worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/channel.h"
#include "base/text.h"
#include "storage/worker.h"

namespace ctr::storage {
namespace {

// Covered by the stack of layers: there on every system, and nothing of it is needed any more. The mount namespace is
// the worker's own.
constexpr const char* k_stack_place = "/dev";

enum class Access { reading, writing };

// Directories by descriptor, as options of a mount that begins in /proc/self/fd: they have to fit into a page.
class Options {
 public:
  Result<void> add(const char* key, const std::vector<std::string>& dirs) {
    text_ += text_.empty() ? "" : ",";
    text_ += fmt::format("{}=", key);
    for (size_t i = 0; i < dirs.size(); ++i) {
      held_.push_back(TRY(open_path(dirs[i], O_PATH | O_DIRECTORY)));
      text_ += fmt::format("{}{}", i == 0 ? "" : ":", held_.back().get());
    }
    return ok();
  }
  std::string& text() { return text_; }

 private:
  std::vector<Fd> held_;
  std::string text_;
};

// Overlay refuses a work directory that a volatile mount has left marked.
// Source: Documentation/filesystems/overlayfs.rst, "Volatile mount".
void remove_volatile_mark(const std::string& work) {
  (void)::rmdir((work + "/work/incompat/volatile").c_str());
  (void)::rmdir((work + "/work/incompat").c_str());
}

Result<Dir> mount_stack(const TreePlace& place, Access access) {
  const bool is_written = access == Access::writing && !place.upper.empty();
  auto lower = place.lower_dirs;
  if (!is_written && !place.upper.empty()) lower.insert(lower.begin(), place.upper);
  // Overlay takes no single layer without a writable directory.
  if (!is_written && lower.size() == 1) return Dir::open(lower.front());
  Options options;
  TRY(options.add("lowerdir", lower));
  if (is_written) {
    TRY(options.add("upperdir", {place.upper}));
    TRY(options.add("workdir", {place.work}));
    remove_volatile_mark(place.work);
    if (place.is_volatile) options.text() += ",volatile";
  }
  options.text() += ",userxattr";
  if (::chdir("/proc/self/fd") != 0) return Error::from_errno("enter '/proc/self/fd'");
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (is_written ? 0 : MS_RDONLY);
  if (::mount("overlay", k_stack_place, "overlay", flags, options.text().c_str()) != 0) {
    return Error::from_errno("mount the container's root");
  }
  if (::chdir("/") != 0) return Error::from_errno("leave '/proc/self/fd'");
  return Dir(TRY(open_path(k_stack_place, O_RDONLY | O_DIRECTORY)), "container");
}

// The place of a mount in the tree, made when the container's start would make it; invalid where there is none to read.
Result<Fd> open_target(const Dir& root, const std::string& destination, bool is_directory, Access access) {
  std::string made;
  for (const auto& part : split(destination, '/')) {
    if (part.empty()) continue;
    const std::string parent = "./" + made;
    made += "/" + part;
    auto found = root.open_in_root("./" + made, O_PATH);
    if (found) continue;
    if (found.error().sys() != ENOENT) return found;
    if (access == Access::reading) return Fd();
    const Fd above = TRY(root.open_in_root(parent, O_PATH | O_DIRECTORY));
    const bool is_last = made.size() >= destination.size();
    if (is_last && !is_directory) {
      if (::mknodat(above.get(), part.c_str(), S_IFREG | 0644, 0) != 0) return Error::from_errno("make '" + made + "'");
    } else if (::mkdirat(above.get(), part.c_str(), 0755) != 0) {
      return Error::from_errno("make '" + printable(made) + "'");
    }
  }
  return root.open_in_root("./" + destination, O_PATH);
}

Result<Fd> open_source(const TreeBind& bind) {
  if (bind.subpath.empty()) return open_path(bind.source, O_PATH);
  const auto source = TRY(Dir::open(bind.source));
  return source.open_in_root("./" + bind.subpath, O_PATH);
}

Result<void> bind(const Dir& root, const TreeBind& bind, Access access) {
  const Fd source = TRY(open_source(bind));
  const Fd tree(static_cast<int>(
      ::syscall(SYS_open_tree, source.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  if (!tree.valid()) return Error::from_errno("open '" + printable(bind.source) + "'");
  struct mount_attr read_only{.attr_set = MOUNT_ATTR_RDONLY, .attr_clr = 0, .propagation = 0, .userns_fd = 0};
  if (bind.read_only &&
      ::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &read_only, sizeof read_only) < 0) {
    return Error::from_errno("make '" + printable(bind.source) + "' read-only");
  }
  struct stat status{};
  if (::fstat(tree.get(), &status) < 0) return Error::from_errno("stat '" + printable(bind.source) + "'");
  const Fd target = TRY(open_target(root, bind.destination, S_ISDIR(status.st_mode), access));
  if (!target.valid()) return ok();
  if (::syscall(SYS_move_mount, tree.get(), "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
      0) {
    return Error::from_errno("mount '" + printable(bind.source) + "' at '" + printable(bind.destination) + "'");
  }
  return ok();
}

// Each level of a tree holds a descriptor.
void raise_file_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &files);
}

// As root of that namespace, and out of the reach of others in it (ptrace(2), "Ptrace access mode checking").
Result<void> join_user_namespace(int fd) {
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return Error::from_errno("hide from the container");
  if (::setns(fd, CLONE_NEWUSER) != 0) return Error::from_errno("join the container's user namespace");
  if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) return Error::from_errno("become the container's root");
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return Error::from_errno("hide from the container");
  return ok();
}

Result<Dir> enter(const TreePlace& place, Access access, const LoadFilter& load_filter) {
  if (place.user_fd >= 0) TRY(join_user_namespace(place.user_fd));
  if (place.is_mounted_away) return confine_beside(place.root_fd, load_filter);
  const auto writing = access == Access::writing ? Writing::yes : Writing::no;
  if (place.root_fd >= 0) return confine_to_mounts(place.root_fd, writing, load_filter);
  // Who reads makes the places of mounts, too, as a start would: without them a mount would not be seen.
  const auto making = place.binds.empty() || place.upper.empty() ? access : Access::writing;
  const Dir root = TRY(place.directory.empty() ? mount_stack(place, making) : Dir::open(place.directory));
  for (const auto& mount : place.binds) TRY(bind(root, mount, making).context("the container's mounts"));
  return confine_to_mounts(root.fd(), writing, load_filter);
}

Result<void> archive(const ArchiveRequest& request, const LoadFilter& load_filter) {
  raise_file_limit();
  if (request.form == ArchiveRequest::Form::tree) {
    const Dir root = TRY(enter(request.place, Access::reading, load_filter));
    return archive_tree(root, request.job, request.stream_fd);
  }
  std::vector<Dir> layers;
  for (const auto& path : request.place.lower_dirs) layers.push_back(TRY(Dir::open(path)));
  if (layers.empty()) return Error(Errc::invalid, "there is no layer to archive");
  const Dir top = TRY(confine_beside(layers.front().fd(), load_filter));
  if (request.form == ArchiveRequest::Form::changes) {
    return archive_changes(top, request.left_out, request.stream_fd);
  }
  return archive_layers(layers, request.left_out, request.stream_fd);
}

Result<void> archive_bounded(const ArchiveRequest& request, const LoadFilter& load_filter) {
  try {
    return archive(request, load_filter);
  } catch (const std::bad_alloc&) {
    return Error(Errc::invalid, "the tree needs more memory than archiving it may use");
  }
}

Result<void> extract_bounded(const ExtractRequest& request, const LoadFilter& load_filter) {
  raise_file_limit();
  const Dir root = TRY(enter(request.place, Access::writing, load_filter));
  try {
    return extract_tree(root, request.job, request.stream_fd);
  } catch (const std::bad_alloc&) {
    return Error(Errc::invalid, "the archive needs more memory than unpacking it may use");
  }
}

Json spans_json(const std::vector<IdSpan>& spans) {
  Json array = Json::array();
  for (const auto& span : spans) array.push(Json::object().set("first", span.first).set("count", span.count));
  return array;
}

Result<std::vector<IdSpan>> read_spans(const JsonReader& reader, std::string_view key) {
  std::vector<IdSpan> spans;
  for (const auto& element : TRY(reader.elements(key))) {
    spans.push_back(
        {static_cast<uint32_t>(TRY(element.get_uint("first"))), static_cast<uint32_t>(TRY(element.get_uint("count")))});
  }
  return spans;
}

constexpr std::string_view k_forms[] = {"tree", "layers", "changes"};  // as ArchiveRequest::Form

Json id_json(const std::optional<uint32_t>& id) { return id ? Json(*id) : Json(); }

Result<std::optional<uint32_t>> read_id(const JsonReader& reader, std::string_view key) {
  const auto id = TRY(reader.find_uint(key));
  if (id && *id > UINT32_MAX) return reader.wrong(key, "an id");
  return id ? std::optional(static_cast<uint32_t>(*id)) : std::nullopt;
}

}  // namespace

Json to_json(const TreePlace& place) {
  Json binds = Json::array();
  for (const auto& bind : place.binds) {
    binds.push(Json::object()
                   .set("source", bind.source)
                   .set("destination", bind.destination)
                   .set("readOnly", bind.read_only)
                   .set("subpath", bind.subpath));
  }
  return Json::object()
      .set("rootFd", place.root_fd)
      .set("mountedAway", place.is_mounted_away)
      .set("userFd", place.user_fd)
      .set("directory", place.directory)
      .set("lowerDirs", Json::strings(place.lower_dirs))
      .set("upper", place.upper)
      .set("work", place.work)
      .set("volatile", place.is_volatile)
      .set("binds", std::move(binds));
}

Result<TreePlace> tree_place_from_json(const JsonReader& reader) {
  TreePlace place;
  place.root_fd = static_cast<int>(TRY(reader.get_int("rootFd")));
  place.is_mounted_away = TRY(reader.get_bool("mountedAway"));
  place.user_fd = static_cast<int>(TRY(reader.get_int("userFd")));
  place.directory = TRY(reader.get_string("directory"));
  place.lower_dirs = TRY(reader.strings("lowerDirs"));
  place.upper = TRY(reader.get_string("upper"));
  place.work = TRY(reader.get_string("work"));
  place.is_volatile = TRY(reader.get_bool("volatile"));
  for (const auto& element : TRY(reader.elements("binds"))) {
    place.binds.push_back({TRY(element.get_string("source")), TRY(element.get_string("destination")),
                           TRY(element.get_bool("readOnly")), TRY(element.get_string("subpath"))});
  }
  return place;
}

Json to_json(const ArchiveRequest& request) {
  return Json::object()
      .set("place", to_json(request.place))
      .set("path", request.job.path)
      .set("name", request.job.name)
      .set("owner", request.job.owner)
      .set("skipUnreadable", request.job.skip_unreadable)
      .set("nameOfTarget", request.job.name_of_target)
      .set("form", k_forms[static_cast<size_t>(request.form)])
      .set("leftOut", Json::strings(request.left_out))
      .set("streamFd", request.stream_fd)
      .set("answerFd", request.answer_fd);
}

Result<ArchiveRequest> archive_request_from_json(const JsonReader& reader) {
  const auto place = TRY(reader.find_object("place"));
  if (!place) return reader.wrong("place", "an object");
  ArchiveRequest request;
  request.place = TRY(tree_place_from_json(*place));
  request.job.path = TRY(reader.get_string("path"));
  request.job.name = TRY(reader.get_string("name"));
  request.job.owner = TRY(reader.get_string("owner"));
  request.job.skip_unreadable = TRY(reader.get_bool("skipUnreadable"));
  request.job.name_of_target = TRY(reader.get_bool("nameOfTarget"));
  const auto form = std::find(std::begin(k_forms), std::end(k_forms), TRY(reader.get_string("form")));
  if (form == std::end(k_forms)) return reader.wrong("form", "a form of archives");
  request.form = static_cast<ArchiveRequest::Form>(form - std::begin(k_forms));
  request.left_out = TRY(reader.strings("leftOut"));
  request.stream_fd = TRY(fd_from_json(reader, "streamFd"));
  request.answer_fd = TRY(fd_from_json(reader, "answerFd"));
  return request;
}

Json to_json(const ExtractRequest& request) {
  const auto& job = request.job;
  return Json::object()
      .set("place", to_json(request.place))
      .set("path", job.path)
      .set("owner", job.owner)
      .set("name", job.name)
      .set("archive", job.source == ExtractJob::Source::archive)
      .set("overwrite", job.overwrite)
      .set("dropSetId", job.drop_set_id)
      .set("uid", id_json(job.uid))
      .set("gid", id_json(job.gid))
      .set("uids", spans_json(job.owners.uids))
      .set("gids", spans_json(job.owners.gids))
      .set("ignoreOwners", job.owners.ignore)
      .set("streamFd", request.stream_fd)
      .set("answerFd", request.answer_fd);
}

Result<ExtractRequest> extract_request_from_json(const JsonReader& reader) {
  const auto place = TRY(reader.find_object("place"));
  if (!place) return reader.wrong("place", "an object");
  ExtractRequest request;
  request.place = TRY(tree_place_from_json(*place));
  auto& job = request.job;
  job.path = TRY(reader.get_string("path"));
  job.owner = TRY(reader.get_string("owner"));
  job.name = TRY(reader.get_string("name"));
  job.source = TRY(reader.get_bool("archive")) ? ExtractJob::Source::archive : ExtractJob::Source::copy;
  job.overwrite = TRY(reader.get_bool("overwrite"));
  job.drop_set_id = TRY(reader.get_bool("dropSetId"));
  job.uid = TRY(read_id(reader, "uid"));
  job.gid = TRY(read_id(reader, "gid"));
  job.owners = {TRY(read_spans(reader, "uids")), TRY(read_spans(reader, "gids")), TRY(reader.get_bool("ignoreOwners"))};
  request.stream_fd = TRY(fd_from_json(reader, "streamFd"));
  request.answer_fd = TRY(fd_from_json(reader, "answerFd"));
  return request;
}

Result<void> tree_answer_from_json(const Json& answer) {
  if (const Json* error = answer.find("error")) return error_from_json(*error);
  return ok();
}

int run_archive_worker(const ArchiveRequest& request, const LoadFilter& load_filter) {
  prepare_worker();
  return finish_worker(request.answer_fd, archive_bounded(request, load_filter));
}

int run_extract_worker(const ExtractRequest& request, const LoadFilter& load_filter) {
  prepare_worker();
  return finish_worker(request.answer_fd, extract_bounded(request, load_filter));
}

}  // namespace ctr::storage
