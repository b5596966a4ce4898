#include "runtime/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace ctr::runtime {

namespace {

constexpr size_t k_write_bytes = size_t{64} << 10;  // records are collected up to this size

std::string_view stream_name(Stream stream) { return stream == Stream::stdout_ ? "stdout" : "stderr"; }

// The last `limit` bytes of a file.
Result<std::string> read_end(int fd, uint64_t size_bytes, size_t limit) {
  std::string end(static_cast<size_t>(std::min<uint64_t>(size_bytes, limit)), '\0');
  ssize_t size = ::pread(fd, end.data(), end.size(), static_cast<off_t>(size_bytes - end.size()));
  if (size < 0) return Error::from_errno("read the log");
  end.resize(static_cast<size_t>(size));
  return end;
}

}  // namespace

std::optional<LogRecord> parse_log_record(std::string_view line) {
  // "2026-11-23T16:02:24.663786201Z stdout F hi"
  size_t first = line.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  std::string_view stream = line.substr(first + 1, second - first - 1);
  std::string_view rest = line.substr(second + 1);
  if (rest.empty() || (rest[0] != 'F' && rest[0] != 'P') || (rest.size() > 1 && rest[1] != ' ')) return std::nullopt;
  if (stream != "stdout" && stream != "stderr") return std::nullopt;
  Result<TimePoint> time = parse_rfc3339(line.substr(0, first), "log record");
  if (!time) return std::nullopt;
  LogRecord record;
  record.time = *time;
  record.stream = stream == "stdout" ? Stream::stdout_ : Stream::stderr_;
  record.partial = rest[0] == 'P';
  if (rest.size() > 2) record.text = rest.substr(2);
  return record;
}

Result<LogWriter> LogWriter::open(const std::string& path, uint64_t max_size_bytes) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash + 1 == path.size()) {
    return Error(Errc::invalid, "log path '" + path + "' is not an absolute path of a file");
  }
  Dir dir = TRY(Dir::open(slash == 0 ? "/" : path.substr(0, slash)));
  std::string name = path.substr(slash + 1);
  // O_NONBLOCK: a FIFO must be refused, not waited for.
  Fd file = TRY(dir.open_file(name, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK, 0600));
  struct stat facts = {};
  if (::fstat(file.get(), &facts) != 0) return Error::from_errno("stat '" + path + "'");
  if (!S_ISREG(facts.st_mode)) return Error(Errc::invalid, "log path '" + path + "' is not a regular file");
  auto size_bytes = static_cast<uint64_t>(facts.st_size);
  LogWriter writer(std::move(dir), std::move(name), std::move(file), size_bytes, max_size_bytes);
  TRY(writer.close_last_line());
  return writer;
}

LogWriter::LogWriter(Dir dir, std::string name, Fd file, uint64_t size_bytes, uint64_t max_size_bytes)
    : dir_(std::move(dir)),
      name_(std::move(name)),
      file_(std::move(file)),
      size_bytes_(size_bytes),
      max_size_bytes_(max_size_bytes) {}

Result<void> LogWriter::close_last_line() {
  if (size_bytes_ == 0) return ok();
  constexpr size_t k_longest_record = k_log_line_bytes + 64;
  std::string end = TRY(read_end(file_.get(), size_bytes_, k_longest_record));
  if (!end.ends_with('\n')) {
    records_ = "\n";
    return flush();
  }
  end.pop_back();
  size_t newline = end.rfind('\n');
  std::optional<LogRecord> last = parse_log_record(newline == std::string::npos ? end : end.substr(newline + 1));
  if (!last || !last->partial) return ok();
  add_record(last->stream, 'F', {}, last->time);
  return flush();
}

void LogWriter::add_record(Stream stream, char tag, std::string_view text, TimePoint time) {
  // The clock is read once for a chunk, so that its text is made once, too.
  if (time != stamp_time_ || stamp_.empty()) {
    stamp_time_ = time;
    stamp_ = format_rfc3339_nano(time);
  }
  records_.append(stamp_).append(" ").append(stream_name(stream)).append({' ', tag, ' '}).append(text).append("\n");
}

Result<void> LogWriter::append(Stream stream, std::string_view bytes, TimePoint time) {
  while (!bytes.empty()) {
    std::string_view head = bytes.substr(0, k_log_line_bytes);
    size_t newline = head.find('\n');
    bool whole = newline != std::string_view::npos;
    std::string_view text = whole ? head.substr(0, newline) : head;
    add_record(stream, whole ? 'F' : 'P', text, time);
    bytes.remove_prefix(text.size() + (whole ? 1 : 0));
    if (records_.size() >= k_write_bytes || passes_limit()) TRY(flush());
  }
  return flush();
}

bool LogWriter::passes_limit() const { return max_size_bytes_ != 0 && size_bytes_ + records_.size() > max_size_bytes_; }

Result<void> LogWriter::flush() {
  Result<void> written = write_records(records_);
  // A record that a full disk has cut in two ends there; the next one starts on its own line.
  records_ = written ? "" : "\n";
  return written;
}

Result<void> LogWriter::write_records(std::string_view bytes) {
  if (passes_limit()) {
    // The last record alone goes into the next file; those before it still fit.
    size_t cut = bytes.rfind('\n', bytes.size() - 2);
    cut = cut == std::string_view::npos ? 0 : cut + 1;
    TRY(write_all(file_.get(), bytes.substr(0, cut), "write the log"));
    size_bytes_ += cut;
    bytes.remove_prefix(cut);
    if (size_bytes_ != 0) TRY(rotate());
  }
  size_bytes_ += bytes.size();
  return write_all(file_.get(), bytes, "write the log");
}

Result<void> LogWriter::rotate() {
  TRY(dir_.rename(name_, dir_, name_ + ".1"));
  file_ = TRY(dir_.open_file(name_, O_RDWR | O_CREAT | O_APPEND | O_EXCL, 0600));
  size_bytes_ = 0;
  return ok();
}

}  // namespace ctr::runtime
