#include "base/lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include "tests/catch.h"
#include "tests/temporary_dir.h"

using ctr::CancelToken;
using ctr::FileLock;
using ctr::LockMode;
using ctr::test::TemporaryDir;

TEST_CASE("an exclusive lock keeps everybody else out until it goes") {
  TemporaryDir temporary;
  const ctr::Dir& dir = temporary.dir();
  CHECK_FALSE(*ctr::is_locked(dir, "lock"));
  {
    auto held = FileLock::acquire(dir, "lock", LockMode::exclusive);
    REQUIRE(held);
    CHECK(*ctr::is_locked(dir, "lock"));
    CHECK_FALSE(FileLock::try_acquire(dir, "lock", LockMode::exclusive)->has_value());
    CHECK_FALSE(FileLock::try_acquire(dir, "lock", LockMode::shared)->has_value());
  }
  CHECK_FALSE(*ctr::is_locked(dir, "lock"));
  CHECK(FileLock::try_acquire(dir, "lock", LockMode::exclusive)->has_value());
}

TEST_CASE("shared locks live together") {
  TemporaryDir temporary;
  auto one = FileLock::acquire(temporary.dir(), "lock", LockMode::shared);
  auto two = FileLock::try_acquire(temporary.dir(), "lock", LockMode::shared);
  CHECK(two->has_value());
  CHECK_FALSE(*ctr::is_locked(temporary.dir(), "lock"));
  CHECK_FALSE(FileLock::try_acquire(temporary.dir(), "lock", LockMode::exclusive)->has_value());
}

TEST_CASE("waiting for a lock ends when the user asks for it") {
  TemporaryDir temporary;
  auto held = FileLock::acquire(temporary.dir(), "lock", LockMode::exclusive);
  auto stop = ctr::make_pipe().value();
  REQUIRE(ctr::write_all(stop.write_end.get(), "x", "a pipe"));
  auto second = FileLock::acquire(temporary.dir(), "lock", LockMode::shared, CancelToken(stop.read_end.get()));
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == ctr::Errc::interrupted);
}

TEST_CASE("who waits for long is told the holder") {
  TemporaryDir temporary;
  auto held = FileLock::acquire(temporary.dir(), "lock", LockMode::exclusive);
  REQUIRE(held);
  pid_t told = -1;
  int times = 0;
  auto second = FileLock::acquire(temporary.dir(), "lock", LockMode::exclusive, {}, [&](pid_t holder) {
    told = holder;
    ++times;
    ctr::FileLock released = std::move(*held);
  });
  CHECK(second);
  CHECK(times == 1);
  CHECK(told == ::getpid());
}
