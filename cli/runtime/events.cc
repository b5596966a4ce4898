#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "base/json.h"
#include "base/wait.h"
#include "cli/runtime/common.h"
#include "runtime/cgroup_files.h"
#include "runtime/container/control.h"

namespace ctr::cli::runtime {
namespace {

using std::chrono::steady_clock;

constexpr std::array k_options = {
    value("interval", 0, "SECONDS", "Between two lines of numbers; default: 5"),
    flag("stats", 0, "Print the numbers once"),
};

Result<void> print_event(const char* type, const std::string& id, Json data) {
  Json event = Json::object();
  event.set("type", type).set("id", id);
  if (!data.is_null()) event.set("data", std::move(data));
  return print_result(dump_json(event) + "\n");
}

// Numbers at every interval and out-of-memory kills as they come, until the container has ended.
Result<void> follow(const ctr::runtime::LiveContainer& live, const std::string& id, std::chrono::seconds interval) {
  const Dir& dir = live.cgroup.dir();
  // Its change is told by POLLPRI (cgroups(7)); without the controller there is nothing to tell.
  const auto file = dir.open_file("memory.events", O_RDONLY);
  const auto kills = [&] { return ctr::runtime::cgroup_count(dir, "memory.events", "oom_kill"); };
  uint64_t seen = kills();
  auto next = steady_clock::now();
  while (true) {
    if (steady_clock::now() >= next) {
      const auto stats = ctr::runtime::read_stats(live.cgroup);
      if (!stats) return ok();
      TRY(print_event("stats", id, ctr::runtime::to_json(*stats)));
      next = steady_clock::now() + interval;
    }
    std::array<pollfd, 2> waiting = {pollfd{.fd = live.view.init.get(), .events = POLLIN, .revents = 0},
                                     pollfd{.fd = file ? file->get() : -1, .events = POLLPRI, .revents = 0}};
    char buffer[512];
    // Reading arms the poll.
    if (file) (void)!::pread(file->get(), buffer, sizeof buffer, 0);
    if (::poll(waiting.data(), waiting.size(), poll_timeout(next)) < 0 && errno != EINTR) {
      return Error::from_errno("wait for events of the container");
    }
    for (const uint64_t now = kills(); seen < now; ++seen) TRY(print_event("oom", id, Json()));
    if (waiting[0].revents != 0) return ok();
  }
}

Result<int> events(RuntimeContext& context, const RuntimeArgs& args) {
  constexpr uint64_t k_default_seconds = 5;
  constexpr uint64_t k_most_seconds = 86400;
  const std::string& id = args.words()[0];
  const uint64_t seconds = TRY(args.number("interval", k_default_seconds, k_most_seconds));
  if (seconds == 0) return Error(Errc::invalid, "--interval is one second or more");
  const auto live = TRY(ctr::runtime::open_live(TRY(open_root(context, id)), id, "tell of"));
  if (args.flag("stats")) {
    TRY(print_event("stats", id, ctr::runtime::to_json(TRY(ctr::runtime::read_stats(live.cgroup)))));
    return 0;
  }
  TRY(follow(live, id, std::chrono::seconds(seconds)));
  return 0;
}

}  // namespace

const RuntimeCommand k_runtime_events = {.name = "events",
                                         .usage = "[OPTION]... CONTAINER",
                                         .summary = "Print what a container uses, and when it runs out of memory",
                                         .options = k_options,
                                         .least_words = 1,
                                         .run = events};

}  // namespace ctr::cli::runtime
