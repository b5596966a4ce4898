#include "engine/exec.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "engine/caps.h"
#include "engine/container_info.h"
#include "engine/env.h"
#include "engine/identity.h"
#include "engine/launch_record.h"
#include "engine/lifecycle.h"
#include "engine/secrets.h"
#include "engine/user.h"
#include "runtime/cgroup.h"
#include "runtime/console.h"
#include "runtime/container_cgroup.h"
#include "runtime/launch.h"

namespace ctr::engine {

namespace {

constexpr size_t k_filter_limit_bytes = size_t{4096} * 8;  // BPF_MAXINSNS instructions

// A running container as exec needs it.
struct Target {
  std::string bundle;
  runtime::StateRecord state;
  runtime::RuntimeSpec spec;
  LaunchRecord launch;
  runtime::SeccompProgram filter;
  std::vector<SecretUse> secrets;
  Fd init;  // pidfd
};

Error not_running() {
  return Error(Errc::bad_state, "can only create exec sessions on running containers: container state improper");
}

// The record is read as JSON only when it has any.
Result<std::vector<SecretUse>> read_secret_uses(const Dir& dir) {
  const auto text = TRY(dir.read_file(k_record_file));
  if (text.find("\"secrets\":") == std::string::npos) return std::vector<SecretUse>{};
  return TRY(parse_container_record(text, dir.path() + "/" + k_record_file)).spec.secrets;
}

Result<Target> open_target(Core& core, const storage::ContainerId& id) {
  const auto dir = TRY(TRY(core.store())->containers().open(id));
  Target target;
  target.bundle = dir.path();
  auto seen = TRY(runtime::observe(dir));
  target.state = std::move(seen.record);
  if (seen.liveness != runtime::Liveness::running || !target.state.init) return not_running();
  auto init = runtime::open_process(*target.state.init);
  if (!init) return not_running();
  target.init = std::move(*init);
  const auto config_path = dir.path() + "/" + k_config_file;
  target.spec = TRY(runtime::spec_from_json(TRY(parse_own_json(TRY(dir.read_file(k_config_file)), config_path))));
  target.launch = TRY(parse_launch_record(TRY(dir.read_file(k_launch_file)), dir.path() + "/" + k_launch_file));
  target.secrets = TRY(read_secret_uses(dir));
  if (target.spec.linux_config.seccomp) {
    target.filter = {TRY(dir.read_file(k_filter_file, k_filter_limit_bytes)), target.launch.seccomp_flags};
  }
  return target;
}

// The container's bounding set for root, nothing for another user; everything with --privileged.
Result<runtime::SpecCapabilities> exec_capabilities(const runtime::SpecProcess& first, bool is_root, bool privileged) {
  CapabilityInput input;
  input.privileged = privileged;
  input.root = is_root;
  if (first.capabilities) input.defaults = first.capabilities->bounding;
  return container_capabilities(input);
}

Result<runtime::SpecProcess> make_process(Core& core, const Target& target, const ExecOptions& options) {
  const auto& first = *target.spec.process;
  runtime::SpecProcess process = first;
  process.args = options.argv;
  process.terminal = options.terminal;
  process.console_size.reset();
  if (!options.working_dir.empty()) process.cwd = options.working_dir;
  EnvList env;
  env.set_entries(first.env);
  if (!options.user.empty()) {
    // The account files as they are now: what the container has written counts.
    const auto accounts = TRY(read_accounts(target.launch.rootfs, target.spec.mounts));
    const auto user = TRY(resolve_user(options.user, {}, accounts.passwd, accounts.group));
    set_user(process, user);
    env.set("HOME", user.home);
  }
  if (options.terminal && !env.has("TERM")) env.set("TERM", "xterm");
  env.set_entries(options.env);
  env.set_entries(TRY(secret_env(core, target.secrets)));
  process.env = env.entries();
  if (!options.user.empty() || options.privileged) {
    process.capabilities = TRY(exec_capabilities(first, process.user.uid == 0, options.privileged));
  }
  if (options.privileged) process.no_new_privileges = false;
  return process;
}

// Errors: bad_state for a container that is paused: whoever starts in there would never run.
Result<Fd> open_cgroup(const Target& target, const runtime::HostFacts& host) {
  if (target.state.cgroup_path.empty()) return Fd();
  const auto cgroup = TRY(runtime::Cgroup::open(host.cgroup.mount_point, target.state.cgroup_path));
  if (cgroup.is_frozen()) return not_running().with_hint("the container is paused; `ctr unpause` lets it go on");
  TRY(runtime::come_near(cgroup.path(), host));
  return open_path(host.cgroup.mount_point + target.state.cgroup_path, O_PATH | O_DIRECTORY);
}

Result<AttachEnd> wait_for_end(Core& core, runtime::Launched launched, const AttachOptions& attach) {
  AttachEnd end;
  if (launched.console_master.valid()) {
    const auto options = TRY(join_options(core, attach));
    const auto joined = TRY(runtime::join_console(launched.console_master.get(), launched.init.pidfd(), options));
    if (joined.detached) {
      (void)launched.init.release();
      end.detached = true;
      return end;
    }
    // Closing the master hangs up the terminal of a program that still holds it.
    launched.console_master.reset();
  }
  end.exit_code = TRY(launched.init.wait(core.cancel())).code;
  return end;
}

}  // namespace

Result<runtime::Launched> launch_in_container(Core& core, const storage::ContainerEntry& entry,
                                              const ExecOptions& options, const std::array<int, 3>& stdio) {
  if (options.argv.empty()) return Error(Errc::invalid, "must provide a non-empty command to start an exec session");
  const auto* host = TRY(core.host());
  const auto target = TRY(open_target(core, entry.id));
  auto process = TRY(make_process(core, target, options));
  if (process.terminal) {
    if (const auto size = runtime::window_size(stdio[0])) {
      process.console_size = runtime::ConsoleSize{size->rows, size->columns};
    }
  }
  const auto cgroup = TRY(open_cgroup(target, *host));
  runtime::ExecRequest request = {target.spec, process, *host, target.init.get(), target.state.init->pid};
  if (!options.detach) request.stdio = stdio;
  request.extra_fds = runtime::numbered_fds(options.preserved_fds, options.preserved_fds);
  if (target.spec.linux_config.seccomp && !options.privileged) request.seccomp = &target.filter;
  request.cgroup_fd = cgroup.get();
  request.subject = {
      .id = entry.id.text(), .bundle = target.bundle, .status = "running", .annotations = target.spec.annotations};
  auto launched = TRY(runtime::launch_exec(request));
  for (const auto& notice : launched.notices) core.debug(notice);
  return launched;
}

Result<AttachEnd> exec_in_container(Core& core, const storage::ContainerEntry& entry, const ExecOptions& options,
                                    const AttachOptions& attach) {
  auto launched = TRY(launch_in_container(core, entry, options, {attach.stdin_fd, attach.stdout_fd, attach.stderr_fd}));
  auto event = container_event(core, "exec", entry);
  core.record_event(event);
  if (options.detach) {
    (void)launched.init.release();
    return AttachEnd{};
  }
  const auto end = TRY(wait_for_end(core, std::move(launched), attach));
  if (end.detached) return end;
  event.status = "exec_died";
  event.exit_code = end.exit_code;
  core.record_event(std::move(event));
  return end;
}

}  // namespace ctr::engine
