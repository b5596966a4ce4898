// A monitor whose "containers" are plain host processes, so that its tests need no namespaces.
//
// Started by spawn_monitor() as the real one is. The plan's `engine` part switches on what a test wants to see:
// {"network": true} a helper process that is started again, {"on_exit": "FILE"} a file that the hook writes.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "base/child.h"
#include "base/file.h"
#include "runtime/monitor.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

Result<Child> start_program(std::vector<std::string> argv, const std::vector<std::string>& env,
                            std::vector<std::pair<int, int>> fds) {
  SpawnOptions options;
  options.program = argv[0];
  options.argv = std::move(argv);
  options.env = env;
  options.fds = std::move(fds);
  return spawn(options);
}

// Runs the process of the spec under setpriv(1), which makes it die with us as a container's first process does.
class HostLauncher final : public Launcher {
 public:
  Result<Launched> start(const LaunchPlan& plan, const SeccompProgram*, const std::array<int, 3>& stdio,
                         LaunchObserver& observer) override {
    const SpecProcess& process = *plan.spec.process;
    if (!path_exists(process.args.at(0))) {
      return Error(Errc::command_not_found, "executable file '" + process.args[0] + "' not found");
    }
    std::vector<std::string> argv = {"/usr/bin/setpriv", "--pdeathsig", "KILL"};
    Fd master;
    std::vector<std::pair<int, int>> fds;
    if (process.terminal) {
      master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
      if (!master.valid() || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) {
        return Error::from_errno("open a terminal");
      }
      Fd slave = TRY(open_path(::ptsname(master.get()), O_RDWR | O_NOCTTY));
      fds = {{slave.get(), 0}, {slave.get(), 1}, {slave.get(), 2}};
      argv.insert(argv.end(), {"/usr/bin/setsid", "--ctty"});
      slave_ = std::move(slave);
    } else {
      for (int i = 0; i < 3; ++i) {
        if (stdio[static_cast<size_t>(i)] >= 0) fds.emplace_back(stdio[static_cast<size_t>(i)], i);
      }
    }
    argv.insert(argv.end(), process.args.begin(), process.args.end());
    Child child = TRY(start_program(std::move(argv), process.env, std::move(fds)));
    slave_.reset();
    CreatedProcess created{.pid = child.pid(), .pidfd = child.pidfd()};
    TRY(observer.on_created(created));
    TRY(observer.before_exec(created));
    return Launched{.init = std::move(child), .console_master = std::move(master), .notices = {"a notice"}};
  }
  std::string cgroup_path() const override { return ""; }
  Result<Leftover> clean_up() override { return Leftover{}; }

 private:
  Fd slave_;
};

// One sleep(1) that is started again when it ends.
class HelperNetwork final : public NetworkSetup {
 public:
  explicit HelperNetwork(std::string pid_file) : pid_file_(std::move(pid_file)) {}
  Result<void> configure(const CreatedProcess&) override {
    (void)respawn();
    return ok();
  }
  Result<void> finish(const CreatedProcess&) override { return ok(); }
  std::vector<int> children() const override {
    if (!helper_) return {};
    return {helper_->pidfd()};
  }
  std::optional<std::chrono::milliseconds> child_ended(int) override {
    helper_.reset();
    return std::chrono::milliseconds(10);
  }
  std::optional<std::chrono::milliseconds> respawn() override {
    Result<Child> child = start_program({"/usr/bin/sleep", "1000"}, {}, {});
    if (!child) return std::nullopt;
    helper_.emplace(std::move(*child));
    Result<Dir> dir = Dir::open(pid_file_.substr(0, pid_file_.rfind('/')));
    if (!dir) return std::nullopt;
    dir->write_file(pid_file_.substr(pid_file_.rfind('/') + 1), std::to_string(helper_->pid()), Sync::no)
        .ignore("the test waits for it");
    return std::nullopt;
  }
  void stop() override { helper_.reset(); }

 private:
  std::string pid_file_;
  std::optional<Child> helper_;
};

std::string engine_text(const LaunchPlan& plan, std::string_view key) {
  const Json* value = plan.engine.find(key);
  return value != nullptr && value->is_string() ? value->as_string() : "";
}

}  // namespace

int main() {
  MonitorHooks hooks;
  hooks.make_network = [](const LaunchPlan& plan) -> Result<std::unique_ptr<NetworkSetup>> {
    std::string pid_file = engine_text(plan, "helper_pid_file");
    if (pid_file.empty()) return std::unique_ptr<NetworkSetup>();
    return std::unique_ptr<NetworkSetup>(std::make_unique<HelperNetwork>(pid_file));
  };
  hooks.on_exit = [](const LaunchPlan& plan, const StateRecord& record) {
    std::string file = engine_text(plan, "exit_file");
    if (!file.empty()) create_file(file, std::to_string(record.exit_code)).ignore("the test waits for it");
  };
  return run_monitor(hooks, std::make_unique<HostLauncher>());
}
