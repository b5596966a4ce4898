#include "engine/journal_reader.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/child.h"
#include "base/text.h"

namespace ctr::engine {
namespace {

constexpr size_t k_block_bytes = size_t{64} << 10;
// Longer than any entry that holds a piece of a container's output, in numbers for each byte.
constexpr size_t k_line_limit_bytes = size_t{16} << 20;
constexpr size_t k_complaint_bytes = size_t{4} << 10;

// "@seconds.microseconds", as journalctl takes times.
std::string unix_time(TimePoint time) {
  const auto micros = std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count();
  return fmt::format("@{}.{:06}", micros / 1'000'000, micros % 1'000'000);
}

struct Reading {
  Child program;
  Fd output;
  Fd complaints;  // a file in memory
};

Result<Reading> start(const Environment& environment, const JournalQuery& query) {
  SpawnOptions options;
  options.program = find_program("journalctl", environment);
  if (options.program.empty()) {
    return Error(Errc::not_found, "journalctl is not installed")
        .with_hint("install systemd, which reads its journal with it");
  }
  options.argv = {"journalctl"};
  for (auto& word : journalctl_arguments(query)) options.argv.push_back(std::move(word));
  options.env = {"LANG=C.UTF-8", "PATH=" + environment_value(environment, "PATH")};
  auto pipe = TRY(make_pipe());
  Fd complaints(::memfd_create("journalctl-stderr", MFD_CLOEXEC));
  if (!complaints.valid()) return Error::from_errno("memfd_create");
  options.fds = {{pipe.write_end.get(), STDOUT_FILENO}, {complaints.get(), STDERR_FILENO}};
  auto program = TRY(spawn(options));
  return Reading{std::move(program), std::move(pipe.read_end), std::move(complaints)};
}

std::string complaint(const Fd& file) {
  std::string text(k_complaint_bytes, '\0');
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return std::string(trim(text));
}

// Whether something can be read; no when `limit` has passed.
Result<bool> wait_for_output(const Fd& output, const CancelToken& cancel, int limit) {
  std::array<pollfd, 2> waits = {pollfd{output.get(), POLLIN, 0}, pollfd{cancel.fd(), POLLIN, 0}};
  if (::poll(waits.data(), waits.size(), limit) < 0 && errno != EINTR) return Error::from_errno("poll");
  TRY(cancel.check());
  return waits[0].revents != 0;
}

// Every whole line of what has come so far.
Result<void> take_lines(std::string& text, const JournalSink& sink) {
  size_t begin = 0;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    const auto record = parse_journal_line(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    if (record) TRY(sink(*record));
  }
  text.erase(0, begin);
  if (text.size() > k_line_limit_bytes) text.clear();
  return ok();
}

}  // namespace

std::vector<std::string> journalctl_arguments(const JournalQuery& query) {
  std::vector<std::string> words = {"--output=json", "--all", "--quiet", "--no-pager"};
  if (query.since) words.push_back("--since=" + unix_time(*query.since));
  if (query.until) words.push_back("--until=" + unix_time(*query.until));
  if (query.follow) words.emplace_back("--follow");
  if (query.last) {
    words.push_back(fmt::format("--lines={}", *query.last));
  } else if (query.follow) {
    words.emplace_back("--lines=all");
  }
  words.insert(words.end(), query.matches.begin(), query.matches.end());
  return words;
}

Result<void> read_journal(const Environment& environment, const JournalQuery& query, const JournalSink& sink,
                          const JournalWait& wait, const CancelToken& cancel) {
  auto reading = TRY(start(environment, query));
  std::string text;
  std::string block(k_block_bytes, '\0');
  while (true) {
    int limit = -1;
    if (query.follow) {
      const auto most = TRY(wait());
      if (!most) return ok();
      limit = static_cast<int>(std::clamp<int64_t>(most->count(), 0, INT32_MAX));
    }
    if (!TRY(wait_for_output(reading.output, cancel, limit))) continue;
    const ssize_t size = ::read(reading.output.get(), block.data(), block.size());
    if (size < 0 && errno != EINTR) return Error::from_errno("read what journalctl prints");
    if (size == 0) break;
    text.append(block, 0, size > 0 ? static_cast<size_t>(size) : 0);
    TRY(take_lines(text, sink));
  }
  const auto end = TRY(reading.program.wait(cancel));
  // 1 without a word: nothing was found.
  const std::string words = complaint(reading.complaints);
  if (end.code == 0 || words.empty()) return ok();
  return Error(Errc::io, "journalctl: " + printable(words))
      .with_hint("members of the group systemd-journal may read it all");
}

}  // namespace ctr::engine
