// A container that another runtime (crun, runc) makes: `ctr run --runtime`. The monitor is to it what conmon is.
//
//   monitor                         holder                          RUNTIME, in the holder's namespaces
//     clone ──────────────────────▶  user, mount, network namespace
//     network                        mounts the root file system
//     bundle/config.json
//     join and execute ────────────────────────────────────────────▶ create --pid-file --console-socket
//     adopts the first process, which is orphaned when that ends (PR_SET_CHILD_SUBREAPER)
//     state.json
//     join and execute ────────────────────────────────────────────▶ start
//     … the first process ends …
//     join and execute ────────────────────────────────────────────▶ delete --force
//     kills the holder
//
// Signals and `exec` need no runtime: the container is its processes and namespaces, whoever made them.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "base/fd.h"
#include "base/result.h"
#include "runtime/container_cgroup.h"
#include "runtime/launch.h"
#include "runtime/monitor_plan.h"

namespace ctr::runtime {

class [[nodiscard]] ForeignContainer {
 public:
  // `cgroup` must live as long as this.
  ForeignContainer(const LaunchPlan& plan, const ContainerCgroup& cgroup);
  ForeignContainer(const ForeignContainer&) = delete;
  ForeignContainer& operator=(const ForeignContainer&) = delete;

  // Returns once the program runs. on_created() gets the holder, before_exec() the container's first process.
  // Errors: command_not_found and command_not_executable when the runtime says so of the program.
  Result<Launched> start(const LaunchPlan& plan, const std::array<int, 3>& stdio, LaunchObserver& observer);
  // After the first process has ended, and after a start that failed: nothing of it is left.
  Result<void> remove();

 private:
  Result<void> hold(const LaunchPlan& plan, LaunchObserver& observer);
  Result<void> write_bundle(const LaunchPlan& plan);
  Result<void> create(const LaunchPlan& plan, const std::array<int, 3>& stdio, Launched* out);
  // Runs the runtime to its end, with words behind the global options.
  Result<void> call(const std::vector<std::string>& words, const std::array<int, 3>& stdio);
  Error what_it_said(const std::string& command, const ExitStatus& status) const;
  Result<void> remove_files();

  std::string runtime_;
  std::string id_;
  std::string bundle_;   // of the runtime
  std::string run_dir_;  // its log, its pid file
  const ContainerCgroup& cgroup_;
  HostFacts host_;
  RuntimeSpec inside_;  // the namespaces the runtime is called in
  std::optional<Child> holder_;
};

}  // namespace ctr::runtime
