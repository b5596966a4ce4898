#include "base/lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"

namespace ctr {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long a probe of is_locked() may stand in the way of try_acquire(); a probe holds its lock for microseconds.
constexpr milliseconds k_probe_time{2};
constexpr milliseconds k_notice_after{1000};
// The pauses between attempts while we wait, doubled each time. Most locks are held for a millisecond; who waits longer
// than the notice takes its time.
constexpr microseconds k_first_pause{100};
constexpr microseconds k_longest_pause{2'000};
constexpr microseconds k_patient_pause{20'000};

std::string lock_name(const Dir& dir, std::string_view name) {
  return "lock '" + dir.path() + "/" + std::string(name) + "'";
}

// True when the lock was taken, false when somebody else holds it.
Result<bool> try_flock(const Fd& fd, LockMode mode, const std::string& act) {
  int operation = (mode == LockMode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
  while (::flock(fd.get(), operation) < 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return Error::from_errno(act);
  }
  return true;
}

// Pauses, or returns early when `cancel` fires.
void pause(const CancelToken& cancel, microseconds time) {
  pollfd entry{.fd = cancel.fd(), .events = POLLIN, .revents = 0};
  timespec wait{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(time).count()};
  (void)::ppoll(&entry, 1, &wait, nullptr);
}

// The pid in the line of /proc/locks for this file, or 0. Lines: "1: FLOCK  ADVISORY  WRITE 4711 fe:00:123456 0 EOF".
pid_t find_holder(const Fd& fd) {
  struct stat info{};
  auto table = read_kernel_file("/proc/locks");
  if (!table || ::fstat(fd.get(), &info) < 0) return 0;
  for (const auto& line : split(*table, '\n')) {
    std::vector<std::string> words = split(line, ' ');
    std::erase_if(words, [](const std::string& word) { return word.empty(); });
    // A line of a process that waits has "->" behind the number.
    if (words.size() < 6 || words[1] != "FLOCK") continue;
    auto device_and_inode = split(words[5], ':');
    auto pid = parse_unsigned(words[4], "a pid", INT32_MAX);
    if (device_and_inode.size() == 3 && device_and_inode[2] == std::to_string(info.st_ino) && pid) {
      return static_cast<pid_t>(*pid);
    }
  }
  return 0;
}

Result<Fd> open_lock_file(const Dir& dir, std::string_view name) { return dir.open_file(name, O_RDWR | O_CREAT, 0600); }

}  // namespace

Result<FileLock> FileLock::acquire(const Dir& dir, std::string_view name, LockMode mode, const CancelToken& cancel,
                                   const std::function<void(pid_t)>& on_wait) {
  Fd fd = TRY(open_lock_file(dir, name));
  std::string act = lock_name(dir, name);
  if (TRY(try_flock(fd, mode, act))) return FileLock(std::move(fd));
  auto notice_at = steady_clock::now() + k_notice_after;
  auto longest_pause = k_longest_pause;
  // Signals are blocked and read from a descriptor, so a plain flock(2) could not be interrupted.
  for (auto wait = k_first_pause; !TRY(try_flock(fd, mode, act)); wait = std::min(wait * 2, longest_pause)) {
    auto stopped = cancel.check();
    if (!stopped) return std::move(stopped).context(std::move(act)).error();
    if (longest_pause != k_patient_pause && steady_clock::now() >= notice_at) {
      longest_pause = k_patient_pause;
      if (on_wait) on_wait(find_holder(fd));
    }
    pause(cancel, wait);
  }
  return FileLock(std::move(fd));
}

Result<std::optional<FileLock>> FileLock::try_acquire(const Dir& dir, std::string_view name, LockMode mode) {
  Fd fd = TRY(open_lock_file(dir, name));
  const std::string act = lock_name(dir, name);
  if (TRY(try_flock(fd, mode, act))) return std::optional(FileLock(std::move(fd)));
  auto end = steady_clock::now() + k_probe_time;
  while (!TRY(try_flock(fd, mode, act))) {
    // Only a shared probe can vanish by itself in that time, and it stands in the way of exclusive locks alone.
    if (mode == LockMode::shared || steady_clock::now() >= end) return std::optional<FileLock>();
    pause({}, k_first_pause);
  }
  return std::optional(FileLock(std::move(fd)));
}

Result<bool> is_locked(const Dir& dir, std::string_view name) {
  auto file = dir.open_file(name, O_RDONLY);
  if (!file) {
    if (file.error().sys() == ENOENT) return false;
    return std::move(file).error();
  }
  return !TRY(try_flock(*file, LockMode::shared, lock_name(dir, name)));
}

}  // namespace ctr
