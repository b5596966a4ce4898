#include "engine/copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <memory>

#include "base/text.h"
#include "engine/confined_worker.h"
#include "engine/container_info.h"
#include "engine/container_tree.h"
#include "engine/core.h"
#include "engine/output_file.h"
#include "engine/unpack_worker.h"
#include "engine/volume_options.h"
#include "storage/tree_worker.h"

namespace ctr::engine {
namespace {

// Numbers of the descriptors in a worker.
constexpr int k_root_fd = k_worker_first_fd;
constexpr int k_stream_fd = k_worker_first_fd + 1;
constexpr int k_user_fd = k_worker_first_fd + 2;

using Kind = CopyEnd::Kind;

// A tree of either kind and the path that is meant in it.
struct OpenEnd {
  ContainerTree tree;
  std::string path;
  std::string owner;  // for messages
};

bool is_missing(int sys) { return sys == ENOENT || sys == ENOTDIR || sys == ELOOP; }

Error not_on_host(const std::string& path) {
  return {Errc::not_found,
          fmt::format("\"{}\" could not be found on the host: no such file or directory", printable(path))};
}

// What a worker on files of the host may do. The machine's root is not limited to its subordinate ids; who reads sees
// the ids that the user's containers have given to files.
runtime::IdMap host_ids(const runtime::HostFacts& host, bool writes) {
  if (host.privileged() && !host.in_user_namespace) {
    const runtime::IdRange all{.inside = 0, .outside = 0, .size = UINT32_MAX};
    return {.uids = {all}, .gids = {all}};
  }
  return writes && !host.privileged() ? runtime::single_id_map(host.uid, host.gid) : host.default_map();
}

Result<OpenEnd> make_host_end(const std::string& directory, std::string path) {
  OpenEnd end;
  end.tree.root = TRY(open_path(directory, O_RDONLY | O_DIRECTORY));
  end.path = std::move(path);
  end.owner = "the host";
  return end;
}

// The directory that a name is in, and the name.
std::pair<std::string, std::string> split_path(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// Links are followed here: the worker sees one directory only.
Result<OpenEnd> open_host_source(const runtime::HostFacts& host, const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (!real && is_missing(errno)) return not_on_host(path);
  if (!real) return Error::from_errno("resolve '" + printable(path) + "'");
  struct stat status{};
  if (::stat(real.get(), &status) < 0) return Error::from_errno("stat '" + printable(path) + "'");
  if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
    return Error(Errc::invalid, fmt::format("\"{}\" must be a directory or a regular file", printable(path)));
  }
  const auto [directory, name] =
      S_ISDIR(status.st_mode) ? std::pair(std::string(real.get()), std::string(".")) : split_path(real.get());
  auto end = TRY(make_host_end(directory, name));
  end.tree.ids = host_ids(host, false);
  return end;
}

Result<OpenEnd> open_host_destination(const runtime::HostFacts& host, const std::string& path) {
  struct stat status{};
  const bool is_there = ::stat(path.c_str(), &status) == 0;
  if (!is_there && !is_missing(errno)) return Error::from_errno("stat '" + printable(path) + "'");
  if (is_there && !S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
    return Error(Errc::invalid,
                 fmt::format("invalid destination: \"{}\" must be a directory or a regular file", printable(path)));
  }
  const bool is_directory = is_there && S_ISDIR(status.st_mode);
  if (!is_there && path.ends_with('/')) return not_on_host(path);
  const auto [directory, name] = is_directory ? std::pair(path, std::string(".")) : split_path(path);
  auto end = make_host_end(directory, name);
  if (!end && is_missing(end.error().sys())) return not_on_host(path);
  if (end) end->tree.ids = host_ids(host, true);
  return end;
}

Result<OpenEnd> open_container_end(Core& core, const CopyEnd& end) {
  OpenEnd opened;
  opened.tree = TRY(open_container_tree(core, TRY(resolve_container(core, end.container))));
  opened.path = end.path;
  opened.owner = "container " + printable(end.container);
  return opened;
}

// Held, so that nobody removes it meanwhile; containers may go on using it.
Result<OpenEnd> open_volume_end(Core& core, const CopyEnd& end) {
  const auto* store = TRY(core.store());
  auto held = TRY(store->volumes().hold(end.container, LockMode::shared, core.cancel()));
  if (!held) return unknown_volume(end.container);
  OpenEnd opened;
  opened.tree.root = TRY(open_path(TRY(volume_directory(held->record, store->volumes().data_path(end.container))),
                                   O_RDONLY | O_DIRECTORY));
  opened.tree.lock = std::move(held->lock);
  opened.tree.ids = TRY(core.host())->default_map();
  opened.path = end.path;
  opened.owner = "volume " + end.container;
  return opened;
}

Result<Fd> open_stream(const CopyEnd& end) {
  if (end.path != "-") return open_path(end.path, O_RDONLY);
  Fd input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!input.valid()) return Error::from_errno("duplicate standard input");
  return input;
}

// What a directory or file is called where it is copied to; empty: what is in it is copied.
std::string name_of(const std::string& path) {
  if (path == "." || path.ends_with("/.")) return {};
  const auto name = split_path(path).second;
  return name == "." || name == ".." || name == "/" ? std::string() : name;
}

void hand_over(const ContainerTree& tree, storage::TreePlace& place, std::vector<std::pair<int, int>>& fds) {
  if (tree.root.valid()) {
    place.root_fd = k_root_fd;
    fds.emplace_back(tree.root.get(), k_root_fd);
  }
  if (tree.user.valid()) {
    place.user_fd = k_user_fd;
    fds.emplace_back(tree.user.get(), k_user_fd);
  }
}

Result<ConfinedWorker> start_worker(Core& core, const ContainerTree& tree, std::string_view verb, const Json& request,
                                    std::vector<std::pair<int, int>> fds) {
  if (tree.user.valid()) return ConfinedWorker::start_outside(verb, request, std::move(fds));
  return ConfinedWorker::start(*TRY(core.host()), tree.ids, verb, request, std::move(fds));
}

// `source`: what is copied as typed; `name`: of the root entry.
Result<ConfinedWorker> start_archiver(Core& core, const CopyEnd& source, const OpenEnd& end, const std::string& name,
                                      int output_fd) {
  storage::ArchiveRequest request;
  request.place = end.tree.place;
  request.job = {.path = end.path, .name = name, .owner = end.owner, .skip_unreadable = end.tree.place.is_mounted_away};
  // Source: what podman does: a link of the host keeps its name.
  request.job.name_of_target = source.kind != Kind::host && !name_of(source.path).empty();
  request.stream_fd = k_stream_fd;
  request.answer_fd = k_worker_answer_fd;
  std::vector<std::pair<int, int>> fds = {{output_fd, k_stream_fd}};
  hand_over(end.tree, request.place, fds);
  return start_worker(core, end.tree, "archive-tree", storage::to_json(request), std::move(fds));
}

Result<ConfinedWorker> start_extractor(Core& core, const CopyRequest& copy, const OpenEnd& end, int input_fd) {
  storage::ExtractRequest request;
  request.place = end.tree.place;
  auto& job = request.job;
  job.path = end.path;
  job.owner = end.owner;
  job.name = name_of(copy.source.path);
  if (copy.source.kind == Kind::stream) job.source = storage::ExtractJob::Source::archive;
  job.overwrite = copy.overwrite;
  job.drop_set_id = copy.destination.kind == Kind::host;
  if (copy.archive || copy.destination.kind == Kind::host) {
    job.uid = end.tree.uid;
    job.gid = end.tree.gid;
  }
  job.owners = owner_rules(end.tree.ids);
  request.stream_fd = k_stream_fd;
  request.answer_fd = k_worker_answer_fd;
  std::vector<std::pair<int, int>> fds = {{input_fd, k_stream_fd}};
  hand_over(end.tree, request.place, fds);
  return start_worker(core, end.tree, "extract-tree", storage::to_json(request), std::move(fds));
}

Result<void> finish(Core& core, ConfinedWorker& worker) {
  return storage::tree_answer_from_json(TRY(worker.finish(core.cancel())));
}

Result<void> join_ends(Core& core, const CopyRequest& request, const OpenEnd& source, const OpenEnd& destination) {
  auto pipe = TRY(make_pipe());
  auto writer = TRY(start_extractor(core, request, destination, pipe.read_end.get()));
  auto reader = TRY(start_archiver(core, request.source, source, ".", pipe.write_end.get()));
  pipe.read_end.reset();
  pipe.write_end.reset();
  auto is_read = finish(core, reader);
  auto is_written = finish(core, writer);
  // A reader whose pipe has broken has nothing to tell: the other end does.
  if (!is_read && (is_read.error().sys() != EPIPE || is_written)) return is_read;
  return is_written;
}

// A container's tree cannot be mounted twice, and a directory that is copied into itself would grow for ever: what is
// copied waits in a file that has no name.
Result<void> copy_inside(Core& core, const CopyRequest& request, const OpenEnd& source, const OpenEnd& destination) {
  const Fd spool = TRY(open_path(TRY(core.store())->path(), O_TMPFILE | O_RDWR, 0600));
  auto reader = TRY(start_archiver(core, request.source, source, ".", spool.get()));
  TRY(finish(core, reader));
  if (::lseek(spool.get(), 0, SEEK_SET) < 0) return Error::from_errno("read what is copied");
  auto writer = TRY(start_extractor(core, request, destination, spool.get()));
  return finish(core, writer);
}

bool is_same_container(Core& core, const CopyRequest& request) {
  if (request.source.kind != Kind::container || request.destination.kind != Kind::container) return false;
  const auto source = resolve_container(core, request.source.container);
  const auto destination = resolve_container(core, request.destination.container);
  return source && destination && source->id == destination->id;
}

// The end of the same container again, with its own path.
Result<OpenEnd> share_end(const OpenEnd& end, const std::string& path) {
  OpenEnd other;
  other.tree.place = end.tree.place;
  other.tree.ids = end.tree.ids;
  other.tree.uid = end.tree.uid;
  other.tree.gid = end.tree.gid;
  if (end.tree.root.valid()) other.tree.root = TRY(end.tree.root.duplicate());
  if (end.tree.user.valid()) other.tree.user = TRY(end.tree.user.duplicate());
  other.owner = end.owner;
  other.path = path;
  return other;
}

}  // namespace

Result<void> copy_files(const EngineOptions& options, const CopyRequest& request) {
  Core core(options);
  const auto* host = TRY(core.host());
  const auto open_end = [&](const CopyEnd& end, bool writes) -> Result<OpenEnd> {
    if (end.kind == Kind::container) return open_container_end(core, end);
    if (end.kind == Kind::volume) return open_volume_end(core, end);
    return writes ? open_host_destination(*host, end.path) : open_host_source(*host, end.path);
  };
  if (is_same_container(core, request)) {
    const auto source = TRY(open_end(request.source, false));
    return copy_inside(core, request, source, TRY(share_end(source, request.destination.path)));
  }
  if (request.source.kind == Kind::stream) {
    const auto destination = TRY(open_end(request.destination, true));
    const auto input = TRY(open_stream(request.source));
    auto writer = TRY(start_extractor(core, request, destination, input.get()));
    return finish(core, writer);
  }
  const auto source = TRY(open_end(request.source, false));
  if (request.destination.kind == Kind::stream) {
    const auto write = [&](int fd) -> Result<void> {
      auto reader = TRY(start_archiver(core, request.source, source, name_of(request.source.path), fd));
      return finish(core, reader);
    };
    const auto& output = request.destination.path;
    return output == "-" ? write(STDOUT_FILENO) : write_output_file(output, write);
  }
  return join_ends(core, request, source, TRY(open_end(request.destination, true)));
}

Result<void> export_files(const EngineOptions& options, const ExportRequest& request) {
  Core core(options);
  const auto entry = TRY(resolve_container(core, request.container));
  storage::ArchiveRequest archive;
  archive.place = TRY(own_files_of(core, entry));
  if (archive.place.directory.empty()) archive.form = storage::ArchiveRequest::Form::layers;
  archive.job = {.path = "/", .name = "", .owner = "container " + entry.name, .skip_unreadable = false};
  archive.stream_fd = k_stream_fd;
  archive.answer_fd = k_worker_answer_fd;
  const auto write = [&](int fd) -> Result<void> {
    auto worker =
        TRY(ConfinedWorker::start(*TRY(core.host()), "archive-tree", storage::to_json(archive), {{fd, k_stream_fd}}));
    return finish(core, worker);
  };
  TRY(request.output.empty() ? write(STDOUT_FILENO) : write_output_file(request.output, write));
  core.record_event(container_event(core, "export", entry));
  return ok();
}

}  // namespace ctr::engine
