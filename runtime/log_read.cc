// Reading container logs: from the end, by time, and as they grow.
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/log_file.h"

namespace ctr::runtime {

namespace {

constexpr size_t k_block_bytes = size_t{64} << 10;

bool same_file(int fd, const std::string& path) {
  struct stat one = {};
  struct stat other = {};
  if (::fstat(fd, &one) != 0 || ::stat(path.c_str(), &other) != 0) return false;
  return one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

uint64_t file_size(const Fd& fd) {
  struct stat facts = {};
  if (!fd.valid() || ::fstat(fd.get(), &facts) != 0) return 0;
  return static_cast<uint64_t>(facts.st_size);
}

// A missing log is an empty one.
Result<Fd> open_log(const std::string& path) {
  Result<Fd> fd = open_path(path, O_RDONLY | O_NONBLOCK);
  if (!fd && fd.error().code() == Errc::not_found) return Fd();
  return fd;
}

Result<std::string> read_at(int fd, uint64_t offset, size_t limit) {
  std::string block(limit, '\0');
  ssize_t size = -1;
  do size = ::pread(fd, block.data(), block.size(), static_cast<off_t>(offset));
  while (size < 0 && errno == EINTR);
  if (size < 0) return Error::from_errno("read the log");
  block.resize(static_cast<size_t>(size));
  return block;
}

// The lines of one file from the end to the beginning.
class BackwardLines {
 public:
  BackwardLines(const Fd& fd, uint64_t size_bytes) : fd_(fd.get()), position_(size_bytes) {}

  struct Line {
    uint64_t offset = 0;
    std::string_view text;  // valid until the next call
  };
  // nullopt before the first line. A last line without newline is left out: its writer died.
  Result<std::optional<Line>> next() {
    for (;;) {
      size_t end = block_.rfind('\n');
      size_t before = end == std::string::npos || end == 0 ? std::string::npos : block_.rfind('\n', end - 1);
      if (end != std::string::npos && (before != std::string::npos || position_ == 0)) {
        size_t begin = before == std::string::npos ? 0 : before + 1;
        line_ = block_.substr(begin, end - begin);
        // The newline in front ends the next line.
        block_.resize(begin);
        return std::optional<Line>(Line{position_ + begin, line_});
      }
      if (position_ == 0) return std::optional<Line>();
      auto step = static_cast<size_t>(std::min<uint64_t>(position_, k_block_bytes));
      position_ -= step;
      std::string more = TRY(read_at(fd_, position_, step));
      block_.insert(0, more);
    }
  }

 private:
  int fd_;
  uint64_t position_;  // of block_ in the file
  std::string block_;  // what follows, up to the end of the next line to be returned
  std::string line_;
};

// Where the last lines of a log begin: counts backwards, whole lines of both streams together.
class TailCounter {
 public:
  explicit TailCounter(uint64_t wanted) : wanted_(wanted) {}

  // True when the record is one of the last lines' or of none; false when it ends a line too many: reading starts
  // behind it.
  bool take(std::string_view line) {
    std::optional<LogRecord> record = parse_log_record(line);
    if (!record) return true;
    size_t stream = record->stream == Stream::stdout_ ? 0 : 1;
    // A P record in front of a record of its stream that was taken belongs to that record's line.
    if (record->partial && seen_[stream]) return true;
    if (counted_ == wanted_) return false;
    ++counted_;
    seen_[stream] = true;
    return true;
  }

 private:
  uint64_t wanted_;
  uint64_t counted_ = 0;
  bool seen_[2] = {};
};

class LogReader {
 public:
  LogReader(const std::string& path, const LogQuery& query, const std::function<Result<void>(const LogRecord&)>& sink)
      : path_(path), query_(query), sink_(sink) {
    // Times in a log have a fixed width, so that they compare as text: old records are skipped without parsing.
    if (query.since) since_ = format_rfc3339_nano(*query.since);
    if (query.until) until_ = format_rfc3339_nano(*query.until);
  }

  // Opens both files and finds the first record.
  Result<void> open();
  // Everything there is by now, also behind a rotation.
  Result<void> read_available();

 private:
  Result<void> find_tail();
  Result<void> read_to_end(const Fd& fd, uint64_t& offset);
  Result<void> on_line(std::string_view line);

  const std::string& path_;
  const LogQuery& query_;
  const std::function<Result<void>(const LogRecord&)>& sink_;
  std::string since_, until_;
  Fd old_;
  Fd current_;
  uint64_t old_offset_ = 0;
  uint64_t offset_ = 0;
  std::string rest_;  // the beginning of a line whose end is not written yet
};

Result<void> LogReader::open() {
  do {
    current_ = TRY(open_log(path_));
    old_ = TRY(open_log(path_ + ".1"));
    // Rotated between the two: the same file twice.
  } while (current_.valid() && old_.valid() && same_file(current_.get(), path_ + ".1"));
  return query_.tail ? find_tail() : ok();
}

Result<void> LogReader::find_tail() {
  TailCounter counter(*query_.tail);
  struct Part {
    Fd& fd;
    uint64_t& offset;
  };
  bool found = false;
  for (Part part : {Part{current_, offset_}, Part{old_, old_offset_}}) {
    uint64_t size_bytes = file_size(part.fd);
    part.offset = found ? size_bytes : 0;
    if (found || !part.fd.valid()) continue;
    BackwardLines lines(part.fd, size_bytes);
    while (std::optional<BackwardLines::Line> line = TRY(lines.next())) {
      if (counter.take(line->text)) continue;
      part.offset = line->offset + line->text.size() + 1;
      found = true;
      break;
    }
  }
  return ok();
}

Result<void> LogReader::on_line(std::string_view line) {
  if (!since_.empty() && line.substr(0, since_.size()) < since_) return ok();
  if (!until_.empty() && line.substr(0, until_.size()) > until_) return ok();
  std::optional<LogRecord> record = parse_log_record(line);
  return record ? sink_(*record) : ok();
}

Result<void> LogReader::read_to_end(const Fd& fd, uint64_t& offset) {
  for (;;) {
    std::string block = TRY(read_at(fd.get(), offset, k_block_bytes));
    if (block.empty()) return ok();
    offset += block.size();
    std::string_view text = block;
    for (size_t newline = text.find('\n'); newline != std::string_view::npos; newline = text.find('\n')) {
      rest_.append(text.substr(0, newline));
      text.remove_prefix(newline + 1);
      TRY(on_line(rest_));
      rest_.clear();
    }
    rest_.append(text);
  }
}

Result<void> LogReader::read_available() {
  if (old_.valid()) {
    TRY(read_to_end(old_, old_offset_));
    old_.reset();
  }
  if (!current_.valid()) {
    current_ = TRY(open_log(path_));
    if (!current_.valid()) return ok();
  }
  TRY(read_to_end(current_, offset_));
  while (!same_file(current_.get(), path_)) {
    // Rotated. Nobody writes to the file we have any more: read its rest, then its successors.
    TRY(read_to_end(current_, offset_));
    Fd newer = TRY(open_log(path_));
    if (!newer.valid()) return ok();
    if (!same_file(current_.get(), path_ + ".1")) {
      // Rotated twice meanwhile. Should it have been more, those records are gone from the disk.
      Fd missed = TRY(open_log(path_ + ".1"));
      uint64_t offset = 0;
      if (missed.valid()) TRY(read_to_end(missed, offset));
    }
    current_ = std::move(newer);
    offset_ = 0;
    TRY(read_to_end(current_, offset_));
  }
  return ok();
}

// Wakes the reader when something happens to the log or its container.
class LogWatch {
 public:
  static Result<LogWatch> create(const std::vector<LogSource>& sources) {
    Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!fd.valid()) return Error::from_errno("inotify_init1").with_hint("see fs.inotify.max_user_instances");
    constexpr uint32_t k_events = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF;
    for (const LogSource& source : sources) {
      for (const std::string& dir : {source.path.substr(0, source.path.rfind('/') + 1), source.watch_dir}) {
        // One that has been removed makes no more events; `ended` will say so.
        (void)::inotify_add_watch(fd.get(), dir.c_str(), k_events);
      }
    }
    return LogWatch(std::move(fd));
  }

  // True when something has happened.
  Result<bool> wait(const CancelToken& cancel, std::chrono::milliseconds timeout) const {
    pollfd entries[2] = {{fd_.get(), POLLIN, 0}, {cancel.fd(), POLLIN, 0}};
    if (::poll(entries, 2, static_cast<int>(timeout.count())) < 0 && errno != EINTR) return Error::from_errno("poll");
    TRY(cancel.check());
    alignas(inotify_event) char events[4096];
    bool happened = false;
    while (::read(fd_.get(), events, sizeof(events)) > 0) happened = true;
    return happened;
  }

 private:
  explicit LogWatch(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

// A log that is still written.
struct FollowedLog {
  const LogSource* source = nullptr;
  std::unique_ptr<LogReader> reader;
};

Result<void> follow(std::vector<FollowedLog> logs, const LogWatch& watch, const LogQuery& query,
                    const CancelToken& cancel) {
  constexpr std::chrono::milliseconds k_pause{1000};
  // Closing the lock file is told before the lock is free, so that what happens is looked at twice.
  constexpr std::chrono::milliseconds k_second_look{20};
  bool happened = false;
  while (true) {
    for (auto log = logs.begin(); log != logs.end();) {
      // Asked before reading: what was written until then is read below.
      const bool last = log->source->ended() || (query.until && now() >= *query.until);
      TRY(log->reader->read_available());
      log = last ? logs.erase(log) : log + 1;
    }
    if (logs.empty()) return ok();
    std::chrono::milliseconds pause = happened ? k_second_look : k_pause;
    if (query.until) pause = std::min(pause, std::chrono::ceil<std::chrono::milliseconds>(*query.until - now()));
    happened = TRY(watch.wait(cancel, std::max(pause, std::chrono::milliseconds(0))));
  }
}

Result<void> follow_all(const std::vector<LogSource>& sources, const LogQuery& query, const CancelToken& cancel) {
  // Watched before the first read, so that nothing falls between.
  LogWatch watch = TRY(LogWatch::create(sources));
  std::vector<FollowedLog> logs;
  for (const LogSource& source : sources) {
    logs.push_back({&source, std::make_unique<LogReader>(source.path, query, source.sink)});
    TRY(logs.back().reader->open());
  }
  return follow(std::move(logs), watch, query, cancel);
}

}  // namespace

Result<void> read_logs(const std::vector<LogSource>& sources, const LogQuery& query, const CancelToken& cancel) {
  if (query.follow) return follow_all(sources, query, cancel);
  for (const LogSource& source : sources) {
    LogReader reader(source.path, query, source.sink);
    TRY(reader.open());
    TRY(reader.read_available());
  }
  return ok();
}

Result<void> read_log(const std::string& path, const LogQuery& query, const std::string& watch_dir,
                      const std::function<bool()>& ended, const std::function<Result<void>(const LogRecord&)>& sink,
                      const CancelToken& cancel) {
  return read_logs({{path, watch_dir, ended, sink}}, query, cancel);
}

}  // namespace ctr::runtime
