#include "cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

namespace ctr::cli {
namespace {

constexpr size_t k_buffer_bytes = size_t{64} << 10;
// A line that names an object, a path and a reason fits; a hostile name cannot flood the terminal.
constexpr size_t k_message_limit_bytes = 4096;

void to_stderr(std::string_view text) { write_all(STDERR_FILENO, text, "stderr").ignore("nowhere to say so"); }

std::string limited(std::string_view text) { return printable(text, k_message_limit_bytes); }

// What helps where the place that failed knew no better.
std::string_view hint_of(const Error& error) {
  if (error.hint().empty() && error.code() == Errc::no_space) {
    return "`ctr system df` shows what takes the space, `ctr system prune` gives back what nothing needs";
  }
  return error.hint();
}

std::string time_of_message() { return format_rfc3339(from_unix_seconds(to_unix_seconds(now()))); }

}  // namespace

void Output::print(std::string_view text) {
  pending_ += text;
  if (pending_.size() >= k_buffer_bytes) flush().ignore("kept for the last flush");
}

Result<void> Output::flush() {
  if (!pending_.empty() && !failure_) {
    auto written = write_all(STDOUT_FILENO, pending_, "stdout");
    // Who closes the output wants none of it: podman's listings succeed then, too.
    if (!written && written.error().sys() != EBADF) failure_ = std::move(written).error();
  }
  pending_.clear();
  if (failure_) return *failure_;
  return ok();
}

void Output::print_stderr(std::string_view text) {
  flush().ignore("reported by the last flush");
  to_stderr(text);
}

void Output::error(const Error& error, int exit_code) {
  flush().ignore("the error that is printed is the better one");
  if (format_ == Format::json) return to_stderr(dump_json(error_document(error, exit_code)) + "\n");
  const std::string hint(hint_of(error));
  std::string text = fmt::format("Error: {}\n", limited(error.text()));
  if (hint.starts_with("See '") || hint.starts_with("Try '")) {
    text += hint + "\n";
  } else if (!hint.empty()) {
    text += fmt::format("hint: {}\n", limited(hint));
  }
  to_stderr(text);
}

void Output::say(std::string_view level, std::string_view line, const std::string& text) {
  if (format_ == Format::text) return to_stderr(text);
  Json document = Json::object();
  document.set("level", std::string(level)).set("message", limited(line));
  to_stderr(dump_json(document) + "\n");
}

void Output::note(std::string_view text) {
  flush().ignore("reported by the last flush");
  say("note", text, limited(text) + "\n");
}

void Output::warn(std::string_view line) {
  flush().ignore("reported by the last flush");
  say("warning", line, fmt::format("time=\"{}\" level=warning msg=\"{}\"\n", time_of_message(), limited(line)));
}

void Output::debug(std::string_view line) {
  if (debug_ == Debug::no) return;
  say("debug", line, fmt::format("time=\"{}\" level=debug msg=\"{}\"\n", format_rfc3339(now()), limited(line)));
}

Json error_document(const Error& error, int exit_code) {
  Json causes = Json::array();
  for (const auto& frame : error.frames()) causes.push(limited(frame));
  causes.push(limited(error.message()));
  Json document = Json::object();
  document.set("level", "error").set("code", std::string(errc_name(error.code())));
  document.set("message", limited(error.text())).set("causes", std::move(causes));
  document.set("hint", limited(hint_of(error))).set("errno", error.sys()).set("exitCode", exit_code);
  return document;
}

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

}  // namespace ctr::cli
