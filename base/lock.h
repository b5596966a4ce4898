// flock(2) locks on files: released by the kernel when the holder dies.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"

namespace ctr {

enum class LockMode { shared, exclusive };

// One held lock. The file stays; only the lock goes with the object.
class [[nodiscard]] FileLock {
 public:
  // Waits until it is free. After one second `on_wait` is called once with the holder's pid (0 if unknown).
  // Errors: interrupted by `cancel`.
  static Result<FileLock> acquire(const Dir& dir, std::string_view name, LockMode mode, const CancelToken& cancel = {},
                                  const std::function<void(pid_t)>& on_wait = {});
  // nullopt when somebody else holds it.
  static Result<std::optional<FileLock>> try_acquire(const Dir& dir, std::string_view name, LockMode mode);
  // For a descriptor that was handed over with the lock held.
  static FileLock adopt(Fd fd) { return FileLock(std::move(fd)); }

  int fd() const { return fd_.get(); }

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

// True when some process holds the lock of `name` exclusively (a missing file: nobody). Takes the lock in shared mode
// for a moment; try_acquire() allows for that.
Result<bool> is_locked(const Dir& dir, std::string_view name);

}  // namespace ctr
