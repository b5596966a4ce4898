#include "engine/exec.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

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
  std::string record;  // container.json, for those who need something of it
  Fd init;             // pidfd
};

Error not_running() {
  return Error(Errc::bad_state, "can only create exec sessions on running containers: container state improper")
      .with_hint("start it first, with `ctr start`");
}

// The record is read as JSON only when it has any.
Result<std::vector<SecretUse>> secrets_of(const Target& target) {
  if (target.record.find("\"secrets\":") == std::string::npos) return std::vector<SecretUse>{};
  return TRY(parse_container_record(target.record, target.bundle + "/" + k_record_file)).spec.secrets;
}

// With what the entry says when the record cannot be read.
Event exec_event(const Target& target, const storage::ContainerEntry& entry) {
  const auto summary = parse_record_summary(target.record, k_record_file);
  return summary ? container_event("exec", *summary) : object_event("container", "exec", entry.id.text(), entry.name);
}

Result<Target> open_target(Core& core, const storage::ContainerId& id) {
  const auto dir = TRY(TRY(core.store())->containers().open(id));
  Target target;
  target.bundle = dir.path();
  auto seen = TRY(runtime::observe(dir));
  target.state = std::move(seen.record);
  if (seen.liveness != runtime::Liveness::running || !target.state.init || target.state.initialized)
    return not_running();
  auto init = runtime::open_process(*target.state.init);
  if (!init) return not_running();
  target.init = std::move(*init);
  const auto config_path = dir.path() + "/" + k_config_file;
  target.spec = TRY(runtime::spec_from_json(TRY(parse_own_json(TRY(dir.read_file(k_config_file)), config_path))));
  target.launch = TRY(parse_launch_record(TRY(dir.read_file(k_launch_file)), dir.path() + "/" + k_launch_file));
  target.record = TRY(dir.read_file(k_record_file));
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
  env.set_entries(TRY(secret_env(core, TRY(secrets_of(target)))));
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

// The terminal of a program that nobody looks at: what it writes is read all the same, so that it does not wait.
void drain_console(const Fd& master, int pidfd) {
  std::array<char, 4096> bytes{};
  std::array<pollfd, 2> entries = {{{master.get(), POLLIN, 0}, {pidfd, POLLIN, 0}}};
  while (::poll(entries.data(), entries.size(), -1) >= 0 || errno == EINTR) {
    if ((entries[0].revents & POLLIN) != 0 && ::read(master.get(), bytes.data(), bytes.size()) > 0) continue;
    if (entries[1].revents != 0) return;
    // Nobody has it open any more, or not yet.
    if (entries[0].revents != 0) entries[0].fd = -1;
  }
}

Result<AttachEnd> wait_for_end(Core& core, runtime::Launched launched, const AttachOptions& attach) {
  AttachEnd end;
  if (launched.console_master.valid() && attach.stdin_fd < 0 && attach.stdout_fd < 0) {
    drain_console(launched.console_master, launched.init.pidfd());
  } else if (launched.console_master.valid()) {
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

Result<runtime::Launched> launch_in(Core& core, const Target& target, const storage::ContainerEntry& entry,
                                    const ExecOptions& options, const std::array<int, 3>& stdio) {
  if (options.argv.empty()) return Error(Errc::invalid, "must provide a non-empty command to start an exec session");
  const auto* host = TRY(core.host());
  auto process = TRY(make_process(core, target, options));
  if (process.terminal) {
    if (const auto size = runtime::window_size(stdio[0])) {
      process.console_size = runtime::ConsoleSize{size->rows, size->columns};
    }
  }
  const auto cgroup = TRY(open_cgroup(target, *host));
  // A filter that the specification asks for and that is not given would be refused.
  std::optional<runtime::RuntimeSpec> unfiltered;
  if (options.privileged) {
    unfiltered = target.spec;
    unfiltered->linux_config.seccomp.reset();
  }
  const auto& spec = unfiltered ? *unfiltered : target.spec;
  runtime::ExecRequest request = {spec, process, *host, target.init.get(), target.state.init->pid};
  if (!options.detach) request.stdio = stdio;
  request.extra_fds = runtime::numbered_fds(options.preserved_fds, options.preserved_fds);
  if (spec.linux_config.seccomp) request.seccomp = &target.filter;
  request.cgroup_fd = cgroup.get();
  request.subject = {
      .id = entry.id.text(), .bundle = target.bundle, .status = "running", .annotations = target.spec.annotations};
  auto launched = TRY(runtime::launch_exec(request));
  for (const auto& notice : launched.notices) core.debug(notice);
  return launched;
}

}  // namespace

Result<runtime::Launched> launch_in_container(Core& core, const storage::ContainerEntry& entry,
                                              const ExecOptions& options, const std::array<int, 3>& stdio) {
  return launch_in(core, TRY(open_target(core, entry.id)), entry, options, stdio);
}

Result<AttachEnd> exec_in_container(Core& core, const storage::ContainerEntry& entry, const ExecOptions& options,
                                    const AttachOptions& attach, const std::function<void()>& on_started) {
  const auto target = TRY(open_target(core, entry.id));
  auto launched = TRY(launch_in(core, target, entry, options, {attach.stdin_fd, attach.stdout_fd, attach.stderr_fd}));
  if (on_started) on_started();
  if (options.no_session) return wait_for_end(core, std::move(launched), attach);
  auto event = exec_event(target, entry);
  core.record_event(event);
  const auto end = TRY(wait_for_end(core, std::move(launched), attach));
  if (end.detached) return end;
  event.status = "exec_died";
  event.exit_code = end.exit_code;
  core.record_event(std::move(event));
  return end;
}

}  // namespace ctr::engine
