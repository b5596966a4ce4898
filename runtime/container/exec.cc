#include "runtime/container/exec.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/channel.h"
#include "base/text.h"
#include "runtime/container/descriptor_socket.h"
#include "runtime/container/pid_file.h"
#include "runtime/container/status.h"
#include "runtime/container_cgroup.h"

namespace ctr::runtime {
namespace {

// What the container was made from, as far as one more process needs it.
struct Target {
  Dir dir;
  ContainerRecord record;
  ContainerView view;
  PreparedConfig config;
};

Result<Target> open_target(const ContainerExecRequest& request) {
  Dir dir = TRY(request.root.find(request.id));
  ContainerRecord record = TRY(read_record(dir));
  ContainerView view = TRY(view_container(dir, record));
  const bool runs = view.status == ContainerStatus::running || view.status == ContainerStatus::created;
  if (!runs && !(view.status == ContainerStatus::paused && request.ignore_paused)) {
    return Error(Errc::bad_state,
                 fmt::format("cannot execute in container '{}': it is {}", request.id, status_name(view.status)));
  }
  PreparedConfig config = TRY(prepare_config(TRY(dir.read_file(k_config_file)), request.root, request.host));
  return Target{
      .dir = std::move(dir), .record = std::move(record), .view = std::move(view), .config = std::move(config)};
}

Result<SpecProcess> make_process(const ContainerExecRequest& request, const SpecProcess& first) {
  if (request.process_file.empty()) return make_exec_process(first, request.words);
  const Json value = TRY(parse_json(TRY(read_file(request.process_file)), request.process_file));
  const JsonReader reader(value, request.process_file);
  TRY(reader.expect_object());
  SpecProcess process = TRY(process_from_json(reader));
  process.terminal = process.terminal || request.words.terminal;
  return process;
}

Result<Fd> open_cgroup(const ContainerExecRequest& request, const Target& target) {
  const bool below = !request.cgroup.empty() && request.cgroup != "/";
  if (target.record.cgroup_path.empty()) {
    if (!below) return Fd();
    return Error(Errc::unsupported, fmt::format("--cgroup {}: the container has no cgroup", printable(request.cgroup)));
  }
  TRY(come_near(target.record.cgroup_path, request.host));
  Fd cgroup = TRY(open_path(target.record.cgroup_mount + target.record.cgroup_path, O_PATH | O_DIRECTORY));
  if (!below) return cgroup;
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const std::string relative = request.cgroup.substr(request.cgroup.find_first_not_of('/'));
  Fd inner(static_cast<int>(::syscall(SYS_openat2, cgroup.get(), relative.c_str(), &how, sizeof how)));
  if (!inner.valid()) return Error::from_errno(fmt::format("open cgroup '{}' of the container", printable(relative)));
  return inner;
}

// The way into a container that waits to be started: only its first process can show it to who is not root. Empty: that
// process runs its program, and its pidfd is the way.
Result<std::vector<Fd>> find_namespaces(const Target& target) {
  if (target.view.status != ContainerStatus::created) return std::vector<Fd>();
  auto channel = Channel::connect(target.dir, k_start_socket);
  auto asked = channel ? ask_namespaces(channel->fd(), target.config.spec) : std::move(channel).error();
  if (asked) return asked;
  // It may have been started meanwhile.
  const ContainerView view = TRY(view_container(target.dir, target.record));
  if (view.status == ContainerStatus::running) return std::vector<Fd>();
  return asked;
}

Result<void> check_terminal(const ContainerExecRequest& request, const SpecProcess& process) {
  const bool has_socket = !request.console_socket.empty();
  if (process.terminal && !has_socket && request.terminal == CreateRequest::Terminal::socket) {
    return Error(Errc::invalid, "use --console-socket with --detach when a terminal is used");
  }
  if (has_socket && !process.terminal) {
    return Error(Errc::invalid, "--console-socket is for processes with a terminal");
  }
  return ok();
}

}  // namespace

Result<Launched> exec_container(const ContainerExecRequest& request) {
  const Target target = TRY(open_target(request));
  // First: executed once more, the command reads a process file that is a pipe for the only time.
  if (request.guard) TRY(request.guard(target.config.spec));
  SpecProcess process = TRY(make_process(request, *target.config.spec.process));
  if (process.args.empty()) return Error(Errc::invalid, "a command is missing");
  tell_listening(request.listening_fds, std::nullopt, process.env);
  TRY(check_terminal(request, process));
  Fd console;
  if (!request.console_socket.empty()) console = TRY(connect_descriptor_socket(request.console_socket));
  const Fd cgroup = TRY(open_cgroup(request, target));
  ExecRequest exec{.spec = target.config.spec,
                   .process = process,
                   .host = request.host,
                   .init_pidfd = target.view.init.get(),
                   .init_pid = target.record.init->pid};
  const std::vector<Fd> namespaces = TRY(find_namespaces(target));
  for (const Fd& file : namespaces) exec.namespaces.push_back(file.get());
  exec.habits.line_feeds = ProcessHabits::LineFeeds::kept;
  exec.stdio = {0, 1, 2};
  exec.extra_fds = request.extra_fds;
  exec.seccomp = target.config.seccomp ? &*target.config.seccomp : nullptr;
  exec.cgroup_fd = cgroup.get();
  exec.subject = {.id = request.id,
                  .bundle = target.record.bundle,
                  .status = std::string(status_name(target.view.status)),
                  .annotations = target.record.annotations};
  Launched launched = TRY(launch_exec(exec));
  if (!request.pid_file.empty()) TRY(write_pid_file(request.pid_file, launched.init.pid()));
  if (console.valid()) {
    TRY(send_descriptor(console.get(), launched.console_master.get(), "/dev/ptmx"));
    launched.console_master.reset();
  }
  return launched;
}

}  // namespace ctr::runtime
