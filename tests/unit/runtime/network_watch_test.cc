#include "runtime/network_watch.h"

#include "base/child.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;
using namespace std::chrono_literals;

namespace {

struct Seen {
  int tries = 0;
  int failures = 0;  // of the tries that are to come
  std::optional<Child> helper;
};

// A helper that ends at once when it is first started, and at times cannot be started.
class FlakyNetwork final : public NetworkSetup {
 public:
  FlakyNetwork(EventLoop& loop, Seen& seen) : loop_(loop), seen_(seen) {}
  Result<void> configure(const CreatedProcess&) override {
    seen_.helper.emplace(TRY(spawn({.program = "/bin/true", .argv = {"true"}, .env = {}})));
    return ok();
  }
  Result<void> finish(const CreatedProcess&) override { return ok(); }
  std::vector<int> children() const override {
    if (!seen_.helper) return {};
    return {seen_.helper->pidfd()};
  }
  std::optional<std::chrono::milliseconds> child_ended(int) override {
    seen_.helper.reset();
    return 1ms;
  }
  std::optional<std::chrono::milliseconds> respawn() override {
    ++seen_.tries;
    if (seen_.failures-- > 0) return 1ms;
    auto helper = spawn({.program = "/bin/sleep", .argv = {"sleep", "100"}, .env = {}});
    REQUIRE(helper);
    seen_.helper.emplace(std::move(*helper));
    loop_.stop();
    return std::nullopt;
  }
  Result<void> change(const Json&, Fd) override {
    seen_.helper.reset();
    return Error(Errc::network, "no");
  }
  void stop() override { seen_.helper.reset(); }

 private:
  EventLoop& loop_;
  Seen& seen_;
};

}  // namespace

TEST_CASE("a helper that cannot be started again is tried until it can") {
  auto loop = EventLoop::create();
  REQUIRE(loop);
  Seen seen;
  NetworkWatch watch(*loop);
  watch.use(std::make_unique<FlakyNetwork>(*loop, seen));
  REQUIRE(watch.configure({}));
  watch.watch();
  const auto too_late = loop->add_timer(10s, [&] { loop->stop(); });

  seen.failures = 2;
  REQUIRE(loop->run());
  CHECK(seen.tries == 3);
  REQUIRE(seen.helper);

  // The same for one that a change has ended.
  seen.tries = 0;
  CHECK(!watch.change({}, {}));
  REQUIRE(loop->run());
  CHECK(seen.tries == 1);
  CHECK(seen.helper);
  loop->cancel_timer(too_late);
  watch.stop();
}
