#include "engine/event_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace ctr::engine {

using std::chrono::milliseconds;

namespace {

constexpr size_t k_block_bytes = size_t{256} << 10;
// Longer than any event of ours: what has no newline for so long was not written by us.
constexpr size_t k_line_limit_bytes = size_t{4} << 20;
// How long a file is taken for that of the name without looking again.
constexpr milliseconds k_trust{1'000};
constexpr int k_rotations = 8;

struct Facts {
  dev_t device = 0;
  ino_t inode = 0;
  int64_t size_bytes = 0;
  bool is_same_file(const Facts& other) const { return device == other.device && inode == other.inode; }
};

Facts facts_of(const struct stat& status) { return {status.st_dev, status.st_ino, int64_t{status.st_size}}; }

std::optional<Facts> find_facts(const Fd& file) {
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return std::nullopt;
  return facts_of(status);
}

bool has_name(const Dir& store, const char* name, const Facts& facts) {
  const auto found = store.find(name);
  return found && *found && facts_of(**found).is_same_file(facts);
}

// Only one of those that find the file full renames it: the others see under its lock that the name has moved on.
Result<void> rotate(const Dir& store, const Fd& full, const Facts& facts) {
  while (::flock(full.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return Error::from_errno("lock events.jsonl");
  }
  if (!has_name(store, k_events_file, facts)) return ok();
  return store.rename(k_events_file, store, k_former_events_file);
}

Result<Fd> open_for_append(const Dir& store) {
  for (int attempt = 1;; ++attempt) {
    Fd file = TRY(store.open_file(k_events_file, O_WRONLY | O_APPEND | O_CREAT, 0600));
    const auto facts = find_facts(file);
    if (!facts || facts->size_bytes < k_events_limit_bytes || attempt == k_rotations) return file;
    TRY(rotate(store, file, *facts));
  }
}

// One of the two files, read line by line.
class EventFile {
 public:
  EventFile() = default;
  explicit EventFile(Fd file) : file_(std::move(file)) {}

  std::optional<Facts> facts() const { return find_facts(file_); }
  bool valid() const { return file_.valid(); }
  void skip_to_end() {
    if (const auto present = facts()) offset_ = present->size_bytes;
  }

  // Every whole line that is there.
  Result<void> read(const std::function<Result<void>(std::string_view)>& on_line) {
    if (!file_.valid()) return ok();
    std::string block(k_block_bytes, '\0');
    while (true) {
      const ssize_t got = ::pread(file_.get(), block.data(), block.size(), static_cast<off_t>(offset_));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error::from_errno("read events.jsonl");
      if (got == 0) return ok();
      offset_ += got;
      rest_.append(block, 0, static_cast<size_t>(got));
      size_t begin = 0;
      for (size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
        TRY(on_line(std::string_view(rest_).substr(begin, end - begin)));
        begin = end + 1;
      }
      rest_.erase(0, begin);
      if (rest_.size() > k_line_limit_bytes) rest_.clear();
    }
  }

 private:
  Fd file_;
  int64_t offset_ = 0;
  std::string rest_;  // the beginning of a line whose end is not written yet
};

Result<EventFile> open_to_read(const Dir& store, const char* name) {
  auto file = store.open_file(name, O_RDONLY);
  if (!file && file.error().code() == Errc::not_found) return EventFile();
  return EventFile(TRY(std::move(file)));
}

class EventReader {
 public:
  EventReader(const Dir& store, const EventQuery& query, const EventSink& sink)
      : store_(store), query_(query), sink_(sink) {}

  Result<void> open() {
    for (int attempt = 1; attempt <= k_rotations; ++attempt) {
      current_ = TRY(open_to_read(store_, k_events_file));
      former_ = TRY(open_to_read(store_, k_former_events_file));
      const auto first = former_.facts();
      const auto second = current_.facts();
      // Rotated between the two: the same file twice.
      if (!first || !second || !first->is_same_file(*second)) break;
    }
    if (query_.follow && !query_.since && !query_.until) {
      former_.skip_to_end();
      current_.skip_to_end();
    }
    return ok();
  }

  // Also the last lines of writers that had opened the former file before it was renamed.
  Result<void> read_available() {
    const auto take = [this](std::string_view line) { return on_line(line); };
    while (true) {
      TRY(former_.read(take));
      TRY(current_.read(take));
      const auto facts = current_.facts();
      if (facts && has_name(store_, k_events_file, *facts)) return ok();
      auto next = TRY(open_to_read(store_, k_events_file));
      if (!next.valid()) return ok();
      if (current_.valid()) former_ = std::move(current_);
      current_ = std::move(next);
    }
  }

 private:
  Result<void> on_line(std::string_view line) {
    const auto event = parse_event_line(line);
    if (!event) return ok();
    if (query_.since && event->time < *query_.since) return ok();
    if (query_.until && event->time > *query_.until) return ok();
    if (!TRY(event_matches(*event, query_.filters))) return ok();
    return sink_(*event);
  }

  const Dir& store_;
  const EventQuery& query_;
  const EventSink& sink_;
  EventFile former_;
  EventFile current_;
};

// Wakes when a file of the store's own directory changes.
class StoreWatch {
 public:
  static Result<StoreWatch> create(const Dir& store) {
    Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!fd.valid()) return Error::from_errno("inotify_init1").with_hint("see fs.inotify.max_user_instances");
    if (::inotify_add_watch(fd.get(), store.path().c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF) < 0) {
      return Error::from_errno("watch '" + store.path() + "'");
    }
    return StoreWatch(std::move(fd));
  }

  Result<void> wait(const CancelToken& cancel, std::optional<milliseconds> limit) const {
    pollfd entries[2] = {{fd_.get(), POLLIN, 0}, {cancel.fd(), POLLIN, 0}};
    const int timeout = limit ? static_cast<int>(std::clamp<int64_t>(limit->count(), 0, INT32_MAX)) : -1;
    if (::poll(entries, 2, timeout) < 0 && errno != EINTR) return Error::from_errno("poll");
    TRY(cancel.check());
    alignas(inotify_event) char seen[4096];
    while (::read(fd_.get(), seen, sizeof(seen)) > 0) {
    }
    return ok();
  }

 private:
  explicit StoreWatch(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

Result<void> follow_events(const Dir& store, const EventQuery& query, EventReader& reader,
                           const std::function<Result<void>()>& idle, const CancelToken& cancel) {
  // Watched before the first read, so that nothing falls between.
  const auto watch = TRY(StoreWatch::create(store));
  TRY(reader.open());
  while (true) {
    // Asked before reading: what was written until then is read below.
    const bool last = query.until && now() >= *query.until;
    TRY(reader.read_available());
    if (last) return ok();
    TRY(idle());
    std::optional<milliseconds> limit;
    if (query.until) limit = std::chrono::ceil<milliseconds>(elapsed(now(), *query.until));
    TRY(watch.wait(cancel, limit));
  }
}

}  // namespace

Result<void> EventWriter::append(const Dir& store, std::span<Event> events) {
  const auto present = now();
  std::string lines;
  for (auto& event : events) {
    if (event.time == TimePoint()) event.time = present;
    lines += dump_json(to_json(event));
    lines += '\n';
  }
  if (!file_.valid() || elapsed(opened_, present) > k_trust) {
    file_ = TRY(open_for_append(store));
    opened_ = present;
  }
  return write_all(file_.get(), lines, "write events.jsonl");
}

Result<void> read_events(const Dir& store, const EventQuery& query, const EventSink& sink,
                         const std::function<Result<void>()>& idle, const CancelToken& cancel) {
  (void)TRY(event_matches({}, query.filters));
  EventReader reader(store, query, sink);
  if (query.follow) return follow_events(store, query, reader, idle, cancel);
  TRY(reader.open());
  return reader.read_available();
}

}  // namespace ctr::engine
