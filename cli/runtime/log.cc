#include "cli/runtime/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

namespace ctr::cli::runtime {
namespace {

// A line that names an object, a path and a reason fits; a hostile name cannot flood the log.
constexpr size_t k_message_limit_bytes = 4096;

std::string_view level_name(Log::Level level) {
  switch (level) {
    case Log::Level::debug:
      return "debug";
    case Log::Level::warning:
      return "warning";
    case Log::Level::error:
      return "error";
  }
  return "error";
}

std::string time_text() { return format_rfc3339(from_unix_seconds(to_unix_seconds(now()))); }

std::string text_line(Log::Level level, std::string_view text) {
  return fmt::format("time={} level={} msg={}\n", dump_json(Json(time_text())), level_name(level),
                     dump_json(Json(text)));
}

std::string json_line(Log::Level level, std::string_view text, std::string_view hint) {
  Json line = Json::object();
  line.set("level", level_name(level)).set("msg", text).set("time", time_text());
  if (!hint.empty()) line.set("hint", hint);
  return dump_json(line) + "\n";
}

}  // namespace

Result<void> Log::open(std::string_view target) {
  const size_t colon = target.find(':');
  const std::string_view scheme = target.substr(0, colon == std::string_view::npos ? 0 : colon);
  if (scheme == "journald" || scheme == "syslog") {
    return Error(Errc::unsupported, fmt::format("--log {}: only files are supported", printable(target)));
  }
  const std::string path(scheme == "file" ? target.substr(colon + 1) : target);
  file_ = TRY(open_path(path, O_WRONLY | O_CREAT | O_APPEND, 0644).context("open the log"));
  return ok();
}

void Log::error(const Error& error) {
  // Who reads JSON looks for known words in the message.
  if (format_ == Format::json) return write(Level::error, error.text(), error.hint());
  std::string text = error.text();
  if (!error.hint().empty()) text += fmt::format(" ({})", error.hint());
  write(Level::error, text);
}

void Log::write(Level level, std::string_view text, std::string_view hint) {
  const std::string safe = printable(text, k_message_limit_bytes);
  const std::string line = format_ == Format::json ? json_line(level, safe, hint) : text_line(level, safe);
  if (file_.valid()) write_all(file_.get(), line, "log").ignore("nowhere to say so");
  if (level != Level::error && file_.valid()) return;
  write_all(STDERR_FILENO, format_ == Format::json && !file_.valid() ? line : safe + "\n", "stderr")
      .ignore("nowhere to say so");
}

}  // namespace ctr::cli::runtime
