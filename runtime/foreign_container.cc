#include "runtime/foreign_container.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "runtime/capability.h"
#include "runtime/compile.h"
#include "runtime/foreign_console.h"
#include "runtime/foreign_spec.h"
#include "runtime/launch_core.h"

namespace ctr::runtime {
namespace {

constexpr std::array<int, 3> k_silent = {-1, -1, -1};
// A runtime that hangs is given up; hooks of the user's may take their time.
constexpr std::chrono::minutes k_patience{5};
constexpr const char* k_log = "runtime.log";
constexpr const char* k_pid_file = "runtime.pid";
constexpr const char* k_state = "runtime";

std::string last_part(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

std::string root_of(const RootfsPlan& plan) {
  return plan.kind == RootfsPlan::Kind::directory ? plan.directory : plan.mount_point;
}

// The namespaces the runtime needs to find: what is made fresh of these three.
RuntimeSpec held_part(const RuntimeSpec& spec) {
  RuntimeSpec out;
  out.linux_config.ids = spec.linux_config.ids;
  out.linux_config.namespaces = {{.type = NamespaceType::user, .path = {}}, {.type = NamespaceType::mount, .path = {}}};
  if (spec.has_fresh_namespace(NamespaceType::network)) {
    out.linux_config.namespaces.push_back({.type = NamespaceType::network, .path = {}});
  }
  return out;
}

// The kinds of failure that podman reads out of a runtime's words, which have no codes of their own.
// Source: podman, libpod/oci_util.go.
Error error_of(const std::string& name, const std::string& words) {
  const std::string lower = to_lower(words);
  const auto has = [&](std::string_view part) { return lower.find(part) != std::string::npos; };
  Errc code = Errc::internal;
  if (has("permission denied") || has("operation not permitted"))
    code = Errc::command_not_executable;
  else if (has("executable file not found") || has("no such file or directory") || has("open executable"))
    code = Errc::command_not_found;
  return Error(code, fmt::format("{}: {}", name, words));
}

// The launcher's observer as far as it concerns the holder: its program is none of the container's.
class HolderObserver final : public LaunchObserver {
 public:
  explicit HolderObserver(LaunchObserver& next) : next_(next) {}
  Result<void> on_created(const CreatedProcess& process) override { return next_.on_created(process); }
  Result<void> beside_mounts(const CreatedProcess& process) override { return next_.beside_mounts(process); }
  Result<void> before_exec(const CreatedProcess&) override { return ok(); }

 private:
  LaunchObserver& next_;
};

}  // namespace

ForeignContainer::ForeignContainer(const LaunchPlan& plan, const ContainerCgroup& cgroup)
    : runtime_(plan.runtime),
      id_(plan.container_id),
      bundle_(plan.bundle + "/" + k_state),
      run_dir_(plan.run_dir),
      cgroup_(cgroup),
      host_(plan.host) {}

Result<Launched> ForeignContainer::start(const LaunchPlan& plan, const std::array<int, 3>& stdio,
                                         LaunchObserver& observer) {
  // Before anything is started: descendants inherit it.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) return Error::from_errno("become the parent of orphans");
  // A monitor that was killed leaves its runtime's state.
  TRY(remove_files());
  TRY(hold(plan, observer));
  TRY(write_bundle(plan));
  Launched launched{.init = Child::adopt(-1, Fd()), .console_master = {}, .notices = {}};
  TRY(create(plan, stdio, &launched));
  const CreatedProcess first{.pid = launched.init.pid(), .pidfd = launched.init.pidfd()};
  TRY(observer.before_exec(first));
  TRY(call({"start", id_}, k_silent));
  return launched;
}

Result<void> ForeignContainer::hold(const LaunchPlan& plan, LaunchObserver& observer) {
  inside_ = held_part(plan.spec);
  HolderObserver holder(observer);
  StartRequest start{.program = TRY(compile_hold(inside_, plan.rootfs, host_)), .host = host_};
  start.observer = &holder;
  holder_ = std::move(TRY(start_program(std::move(start))).init);
  // The network is joined by the container, and not by its runtime.
  std::erase_if(inside_.linux_config.namespaces,
                [](const SpecNamespace& entry) { return entry.type == NamespaceType::network; });
  return ok();
}

Result<void> ForeignContainer::write_bundle(const LaunchPlan& plan) {
  const ForeignPlace place{.root = root_of(plan.rootfs), .holder = holder_->pid(), .init_program = plan.init_program};
  const RuntimeSpec spec = TRY(foreign_spec(plan.spec, place));
  const Dir dir = TRY(Dir::open_or_make(bundle_, 0700));
  return dir.write_file("config.json", dump_json(to_json(spec)), Sync::no);
}

Result<void> ForeignContainer::create(const LaunchPlan& plan, const std::array<int, 3>& stdio, Launched* out) {
  std::vector<std::string> words = {"create", "--bundle", bundle_, "--pid-file", run_dir_ + "/" + k_pid_file};
  std::optional<ConsoleSocket> console;
  if (plan.spec.process && plan.spec.process->terminal) {
    // Beside the containers' directories, whose names are too long for the address of a socket.
    const std::string containers = run_dir_.substr(0, run_dir_.rfind('/'));
    const std::string base = containers.substr(0, containers.rfind('/'));
    console.emplace(TRY(ConsoleSocket::listen(fmt::format("{}/tty-{}", base, id_.substr(0, 12)))));
    words.insert(words.end(), {"--console-socket", console->path()});
  }
  words.push_back(id_);
  TRY(call(words, stdio));
  const Dir run_dir = TRY(Dir::open(run_dir_));
  const std::string text = TRY(run_dir.read_file(k_pid_file).context("the pid file of the runtime"));
  const auto pid = static_cast<pid_t>(TRY(parse_unsigned(trim(text), "pid", INT32_MAX)));
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) return Error::from_errno("hold the container's first process");
  out->init = Child::adopt(pid, std::move(pidfd));
  if (console) out->console_master = TRY(console->receive());
  return ok();
}

// With a log, runtimes keep the container's standard error free of their own words.
Result<void> ForeignContainer::call(const std::vector<std::string>& words, const std::array<int, 3>& stdio) {
  const std::string log = run_dir_ + "/" + k_log;
  SpecProcess process;
  process.args = {runtime_, "--root", run_dir_ + "/" + k_state, "--log", log, "--log-format", "json"};
  // Who makes the container in the cgroup it is called in needs no manager of cgroups; runc finds out by itself.
  if (last_part(runtime_) == "crun") process.args.insert(process.args.end(), {"--cgroup-manager", "disabled"});
  process.args.insert(process.args.end(), words.begin(), words.end());
  process.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
                 "XDG_RUNTIME_DIR=" + run_dir_};
  const std::vector<std::string> all = all_capabilities();
  process.capabilities =
      SpecCapabilities{.bounding = all, .effective = all, .inheritable = {}, .permitted = all, .ambient = {}};
  ExecRequest request{.spec = inside_, .process = process, .host = host_};
  request.init_pidfd = holder_->pidfd();
  request.init_pid = holder_->pid();
  request.stdio = stdio;
  request.cgroup_fd = cgroup_.clone_fd();
  request.lifetime = LaunchRequest::Lifetime::with_launcher;
  auto launched = launch_exec(request);
  if (!launched) {
    return Error(Errc::unsupported,
                 fmt::format("the runtime '{}' does not run: {}", runtime_, launched.error().text()));
  }
  const ExitStatus status = TRY(launched->init.wait({}, k_patience).context(fmt::format("{} {}", runtime_, words[0])));
  if (status.code == 0) return ok();
  return what_it_said(words[0], status);
}

// The message of the last error in the log, a line of JSON each.
Error ForeignContainer::what_it_said(const std::string& command, const ExitStatus& status) const {
  const std::string name = last_part(runtime_);
  const auto dir = Dir::open(run_dir_);
  auto text = dir ? dir->read_file(k_log) : Result<std::string>(std::string());
  std::string words;
  for (const std::string& line : split(text ? *text : std::string(), '\n')) {
    const auto json = parse_json(line, "log");
    const Json* message = json && json->is_object() ? json->find("msg") : nullptr;
    const Json* level = json && json->is_object() ? json->find("level") : nullptr;
    const bool counts = level == nullptr || (level->is_string() && level->as_string() == "error");
    if (message != nullptr && message->is_string() && counts) words = message->as_string();
  }
  if (!words.empty()) return error_of(name, printable(words));
  return Error(Errc::internal, fmt::format("{}: '{}' failed with exit code {}", name, command, status.code));
}

Result<void> ForeignContainer::remove_files() {
  const Dir run_dir = TRY(Dir::open(run_dir_));
  for (const char* name : {k_log, k_pid_file}) run_dir.remove_file(name).ignore("usually there is none");
  return remove_tree(run_dir, k_state);
}

Result<void> ForeignContainer::remove() {
  if (!holder_) return ok();
  auto removed = call({"delete", "--force", id_}, k_silent);
  holder_.reset();
  TRY(remove_files());
  return removed;
}

}  // namespace ctr::runtime
