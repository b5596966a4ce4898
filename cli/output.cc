#include "cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/time.h"

namespace ctr::cli {
namespace {

constexpr size_t k_buffer_bytes = size_t{64} << 10;
// A line that names an object, a path and a reason fits; a hostile name cannot flood the terminal.
constexpr size_t k_message_limit_bytes = 4096;

void to_stderr(std::string_view text) { write_all(STDERR_FILENO, text, "stderr").ignore("nowhere to say so"); }

}  // namespace

void Output::print(std::string_view text) {
  pending_ += text;
  if (pending_.size() >= k_buffer_bytes) flush().ignore("kept for the last flush");
}

Result<void> Output::flush() {
  if (!pending_.empty() && !failure_) {
    auto written = write_all(STDOUT_FILENO, pending_, "stdout");
    if (!written) failure_ = std::move(written).error();
  }
  pending_.clear();
  if (failure_) return *failure_;
  return ok();
}

void Output::print_stderr(std::string_view text) {
  flush().ignore("reported by the last flush");
  to_stderr(text);
}

void Output::error(const Error& error) {
  flush().ignore("the error that is printed is the better one");
  std::string text = fmt::format("Error: {}\n", printable(error.text(), k_message_limit_bytes));
  if (error.hint().starts_with("See '") || error.hint().starts_with("Try '")) {
    text += error.hint() + "\n";
  } else if (!error.hint().empty()) {
    text += fmt::format("hint: {}\n", printable(error.hint(), k_message_limit_bytes));
  }
  to_stderr(text);
}

void Output::note(std::string_view text) {
  flush().ignore("reported by the last flush");
  to_stderr(fmt::format("{}\n", printable(text, k_message_limit_bytes)));
}

void Output::warn(std::string_view line) {
  flush().ignore("reported by the last flush");
  to_stderr(fmt::format("time=\"{}\" level=warning msg=\"{}\"\n",
                        format_rfc3339(from_unix_seconds(to_unix_seconds(now()))),
                        printable(line, k_message_limit_bytes)));
}

void Output::debug(std::string_view line) {
  if (debug_ == Debug::no) return;
  to_stderr(fmt::format("time=\"{}\" level=debug msg=\"{}\"\n", format_rfc3339(now()),
                        printable(line, k_message_limit_bytes)));
}

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

}  // namespace ctr::cli
