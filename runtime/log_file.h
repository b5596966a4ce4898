// Container logs in the format of Kubernetes: `2026-11-23T16:02:24.663786201Z stdout F hi`.
//
// Lines longer than k_log_line_bytes are split: all parts but the last carry P (partial) instead of F.
// Source: Kubernetes CRI, "Container log format".
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"
#include "base/time.h"

namespace ctr::runtime {

enum class Stream : uint8_t { stdout_ = 1, stderr_ = 2 };

// Longest text of one record.
inline constexpr size_t k_log_line_bytes = size_t{16} << 10;

// Appends records; rotates before `max_size_bytes` would be passed (0: never) by renaming the file to `name`.1, so that
// the two of them hold at most twice that.
//
// Nothing waits for the rest of its line: a chunk that ends without a newline ends in a P record at once, and the next
// chunk of that stream goes on with it.
class [[nodiscard]] LogWriter {
 public:
  // `path` is absolute; the file is created with mode 0600. What an earlier run or a crash left unfinished at its end
  // is closed, so that it is not joined to what comes. Errors: invalid when it is no regular file.
  static Result<LogWriter> open(const std::string& path, uint64_t max_size_bytes);
  LogWriter(LogWriter&&) noexcept = default;
  LogWriter& operator=(LogWriter&&) noexcept = default;

  // `bytes` as the program wrote them. Everything is in the file when this returns.
  // Errors: io, no_space; later calls go on with a new record.
  Result<void> append(Stream stream, std::string_view bytes, TimePoint time);

 private:
  LogWriter(Dir dir, std::string name, Fd file, uint64_t size_bytes, uint64_t max_size_bytes);
  Result<void> close_last_line();
  void add_record(Stream stream, char tag, std::string_view text, TimePoint time);
  bool passes_limit() const;
  Result<void> flush();
  Result<void> write_records(std::string_view bytes);
  Result<void> rotate();

  Dir dir_;
  std::string name_;
  Fd file_;
  uint64_t size_bytes_ = 0;
  uint64_t max_size_bytes_ = 0;
  std::string records_;  // to be written
  TimePoint stamp_time_;
  std::string stamp_;  // stamp_time_ as text
};

struct LogRecord {
  TimePoint time;
  Stream stream = Stream::stdout_;
  bool partial = false;
  std::string text;  // without the newline
  bool operator==(const LogRecord&) const = default;
};
// One line without its newline; nullopt when it is no record.
std::optional<LogRecord> parse_log_record(std::string_view line);

struct LogQuery {
  std::optional<uint64_t> tail = {};  // lines; a line in parts counts once
  std::optional<TimePoint> since = {};
  std::optional<TimePoint> until = {};
  bool follow = false;
};

// One log that is read, and the container that writes it.
struct LogSource {
  std::string path;
  std::string watch_dir;        // the container's directory
  std::function<bool()> ended;  // whether nobody writes any more
  std::function<Result<void>(const LogRecord&)> sink;
};

// Reads each path and its predecessor in order and calls the source's `sink` for each record, one log after the other.
// Memory does not depend on their sizes.
//
// With `follow` it goes on until each `ended` says that nobody writes any more, and reads the rest then; the logs are
// read side by side. `ended` is asked again whenever something happens in one of the directories and at least every
// second. A missing file is an empty log.
// Errors: what `sink` returns; interrupted.
Result<void> read_logs(const std::vector<LogSource>& sources, const LogQuery& query, const CancelToken& cancel = {});
// The same for one.
Result<void> read_log(const std::string& path, const LogQuery& query, const std::string& watch_dir,
                      const std::function<bool()>& ended, const std::function<Result<void>(const LogRecord&)>& sink,
                      const CancelToken& cancel = {});

}  // namespace ctr::runtime
