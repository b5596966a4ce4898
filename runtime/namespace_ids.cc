#include "runtime/namespace_ids.h"

#include <sched.h>

#include <csignal>
#include <string>

#include "runtime/launch.h"
#include "runtime/launch_core.h"

namespace ctr::runtime {
namespace {

// The kernel tells the maps of processes, not those of namespaces.
class MapReader final : public LaunchObserver {
 public:
  Result<void> on_created(const CreatedProcess&) override { return ok(); }
  Result<void> before_exec(const CreatedProcess& process) override {
    ids = TRY(read_id_maps(std::to_string(process.pid)));
    return ok();
  }
  IdMap ids;
};

}  // namespace

Result<IdMap> read_namespace_ids(const Fd& user_namespace) {
  ProgramBuilder out;
  out.act("join the user namespace");
  const int16_t joined = out.take_registers(1);
  out.add({.kind = ChildOpKind::set_namespace, .a = joined, .x = CLONE_NEWUSER});
  out.add({.kind = ChildOpKind::set_parent_death_signal, .x = SIGKILL});
  out.program().waits_before_exec = true;
  out.add({.kind = ChildOpKind::report_ready});
  out.add({.kind = ChildOpKind::wait_go});
  out.add({.kind = ChildOpKind::finish});
  const HostFacts host;  // the program writes no id maps, which is what these are for
  MapReader reader;
  StartRequest start{.program = out.take(), .host = host};
  start.descriptors = {{joined, user_namespace.get()}};
  start.observer = &reader;
  auto launched = TRY(start_program(std::move(start)));
  (void)TRY(launched.init.wait());
  return std::move(reader.ids);
}

}  // namespace ctr::runtime
