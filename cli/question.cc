#include "cli/question.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>

#include "base/fd.h"
#include "base/parse.h"
#include "base/text.h"

namespace ctr::cli {
namespace {

// Longer than any answer or password.
constexpr size_t k_line_limit_bytes = 65536;
// Typing errors that are forgiven.
constexpr int k_attempts = 3;

void ask(std::string_view text) {
  write_all(STDERR_FILENO, text, "stderr").ignore("who cannot see the question cannot answer it");
}

}  // namespace

Result<std::string> read_line(const CancelToken& cancel, std::string_view prompt) {
  ask(prompt);
  std::string line;
  while (line.size() < k_line_limit_bytes) {
    // Signals are blocked and read from a descriptor: an interrupt ends the waiting here, not read(2).
    std::array<pollfd, 2> waits = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{cancel.fd(), POLLIN, 0}};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return Error::from_errno("poll stdin");
    TRY(cancel.check());
    if (waits[0].revents == 0) continue;
    char c = 0;
    const ssize_t count = ::read(STDIN_FILENO, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno("read stdin");
    if (count == 0 || c == '\n') break;
    line += c;
  }
  return line;
}

Result<size_t> choose_reference(const CancelToken& cancel, const std::string& short_name,
                                const std::vector<std::string>& references) {
  std::string question = fmt::format("The short name '{}' may come from several registries:\n", printable(short_name));
  for (size_t i = 0; i < references.size(); ++i) {
    question += fmt::format("  {}  {}\n", i + 1, printable(references[i]));
  }
  ask(question);
  for (int attempt = 0; attempt < k_attempts; ++attempt) {
    const auto line = TRY(read_line(cancel, fmt::format("Which one? [1-{}] ", references.size())));
    const auto number = parse_unsigned(trim(line), "a number", references.size());
    if (number && *number >= 1) return static_cast<size_t>(*number) - 1;
    if (trim(line).empty()) break;
  }
  return Error(Errc::invalid, fmt::format("no registry was chosen for the short name '{}'", printable(short_name)))
      .with_hint("write the registry in front, such as " + references.front());
}

}  // namespace ctr::cli
