#include "runtime/pod_monitor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <iterator>
#include <utility>

#include "base/channel.h"
#include "base/lock.h"
#include "base/loop.h"
#include "base/signals.h"
#include "base/wait.h"
#include "runtime/attach.h"
#include "runtime/container_cgroup.h"
#include "runtime/monitor_clients.h"
#include "runtime/network_watch.h"
#include "runtime/spec_codec.h"

namespace ctr::runtime {
namespace {

// The descriptors a pod's monitor is started with.
constexpr int k_plan_fd = 3;     // sealed memfd: PodPlan as JSON
constexpr int k_starter_fd = 4;  // SOCK_SEQPACKET to the starter
constexpr int k_dir_fd = 5;      // pods/<id>
constexpr int k_engine_fd = 6;   // and above: those of PodPlan::engine_fds
// Where it keeps the namespaces, in the order of k_pod_namespaces: above all that it opens for itself.
constexpr int k_first_namespace = 64;
constexpr int k_last_namespace = k_first_namespace + static_cast<int>(std::size(k_pod_namespaces)) - 1;
constexpr size_t k_plan_limit_bytes = size_t{1} << 20;
// Of a monitor that is asked to end, which has helpers to wait for.
constexpr std::chrono::seconds k_end_timeout{10};

Json namespaces_json(const PodNamespacesPlan& plan) {
  std::vector<std::string> fresh;
  for (const NamespaceType type : plan.fresh) fresh.emplace_back(namespace_name(type));
  Json sysctls = Json::object();
  for (const auto& [key, value] : plan.sysctls) sysctls.set(key, value);
  const auto map = [](const IdMap& from) {
    Json ids = Json::object();
    set_id_map(&ids, from);
    return ids;
  };
  Json memory = Json::array();
  for (const auto& one : plan.memory) {
    memory.push(Json::object().set("dir", one.dir).set("options", Json::strings(one.options)));
  }
  return Json::object()
      .set("ids", map(plan.ids))
      .set("outer", map(plan.outer))
      .set("fresh", Json::strings(fresh))
      .set("hostname", plan.hostname)
      .set("sysctls", std::move(sysctls))
      .set("shm_dir", plan.shm_dir)
      .set("shm_bytes", plan.shm_bytes)
      .set("memory", std::move(memory));
}

Result<PodNamespacesPlan> read_namespaces(const JsonReader& reader) {
  PodNamespacesPlan plan;
  const auto ids = TRY(reader.find_object("ids"));
  const auto outer = TRY(reader.find_object("outer"));
  if (!ids || !outer) return reader.wrong("ids", "an object, as is outer");
  plan.ids = TRY(id_map_from_json(*ids));
  plan.outer = TRY(id_map_from_json(*outer));
  for (const auto& name : TRY(reader.strings("fresh"))) {
    for (const NamespaceType type : k_pod_namespaces) {
      if (name == namespace_name(type)) plan.fresh.push_back(type);
    }
  }
  plan.hostname = TRY(reader.get_string("hostname"));
  plan.sysctls = TRY(reader.string_map("sysctls"));
  plan.shm_dir = TRY(reader.get_string("shm_dir"));
  plan.shm_bytes = TRY(reader.uint_or("shm_bytes", 0));
  for (const auto& one : TRY(reader.elements("memory"))) {
    plan.memory.push_back({TRY(one.get_string("dir")), TRY(one.strings("options"))});
  }
  return plan;
}

// One pod that is up.
class PodMonitor final : public LaunchObserver, public NetworkTarget {
 public:
  PodMonitor(PodPlan plan, Dir dir, const PodHooks& hooks, EventLoop loop)
      : plan_(std::move(plan)),
        dir_(std::move(dir)),
        hooks_(hooks),
        loop_(std::move(loop)),
        network_(loop_),
        server_(loop_, *this) {}

  // Until everything is there. What is half made ends with this process.
  void take_engine_fds(std::vector<Fd> fds) { engine_fds_ = std::move(fds); }
  Result<StartReport> bring_up();
  // Until it is asked to end.
  Result<void> serve(const Fd& signals);

  Result<void> on_created(const CreatedProcess& process) override { return network_.configure(process); }
  Result<void> beside_mounts(const CreatedProcess& process) override { return network_.connect(process); }
  Result<void> before_exec(const CreatedProcess& process) override { return network_.finish(process); }
  Result<void> change_network(const Json& order, Fd fd) override { return network_.change(order, std::move(fd)); }
  void undo(const Error& error);

 private:
  Result<void> keep_namespaces();
  void end();

  PodPlan plan_;
  Dir dir_;
  const PodHooks& hooks_;
  EventLoop loop_;
  std::optional<FileLock> alive_;
  NetworkWatch network_;
  AttachServer server_;
  PodNamespaces namespaces_;
  std::vector<Fd> engine_fds_;
  StateRecord record_;
};

Result<StartReport> PodMonitor::bring_up() {
  alive_ = TRY(FileLock::try_acquire(dir_, k_alive_lock, LockMode::exclusive));
  if (!alive_) return Error(Errc::bad_state, "pod '" + plan_.name + "' is already running");
  if (plan_.cgroup.kind == CgroupPlan::Kind::scope) TRY(enter_scope(plan_.cgroup, "ctr pod", plan_.host));
  if (hooks_.make_network) network_.use(TRY(hooks_.make_network(plan_, std::move(engine_fds_))));
  namespaces_ = TRY(make_pod_namespaces(plan_.namespaces, plan_.host, *this));
  TRY(keep_namespaces());
  if (network_.present()) TRY(server_.open(plan_.run_dir));
  record_.boot_id = TRY(read_boot_id());
  record_.monitor = TRY(process_ref(::getpid()));
  if (namespaces_.init) record_.init = TRY(process_ref(namespaces_.init->pid()));
  record_.started = now();
  TRY(write_state(dir_, record_));
  return StartReport{.pid = ::getpid(), .notices = {}};
}

Result<void> PodMonitor::keep_namespaces() {
  for (size_t i = 0; i < std::size(k_pod_namespaces); ++i) {
    for (auto& [type, file] : namespaces_.files) {
      if (type != k_pod_namespaces[i]) continue;
      const int place = k_first_namespace + static_cast<int>(i);
      CTR_ASSERT(::fcntl(place, F_GETFD) < 0);
      if (::dup3(file.get(), place, O_CLOEXEC) < 0) return Error::from_errno("keep a namespace of the pod");
      file = Fd(place);
    }
  }
  return ok();
}

void PodMonitor::undo(const Error& error) {
  network_.stop();
  if (!alive_) return;
  server_.close(plan_.run_dir);
  StateRecord former = settle(read_state(dir_).value_or(StateRecord()));
  former.error = error.text();
  former.monitor.reset();
  write_state(dir_, former).ignore("the error that is reported came first");
}

void PodMonitor::end() {
  server_.close(plan_.run_dir);
  network_.stop();
  record_.monitor.reset();
  record_.init.reset();
  record_.finished = now();
  namespaces_ = {};
  write_state(dir_, record_).ignore("a full disk: the record reads as a killed monitor's");
  alive_.reset();
  loop_.stop();
}

Result<void> PodMonitor::serve(const Fd& signals) {
  network_.watch();
  TRY(loop_.add(signals.get(), EPOLLIN, [this](uint32_t) { end(); }));
  // Without it there are no processes in the pod any more.
  if (namespaces_.init)
    TRY(loop_.add(namespaces_.init->pidfd(), EPOLLIN, [this](uint32_t) {
      loop_.remove(namespaces_.init->pidfd());
      end();
    }));
  plan_.namespaces.sysctls.clear();
  (void)::malloc_trim(0);
  return loop_.run();
}

Result<PodPlan> read_plan() {
  Fd memory(k_plan_fd);
  const std::string text = TRY(read_all(memory.get(), k_plan_limit_bytes, "the plan of the pod"));
  const Json json = TRY(parse_json(text, "plan of the pod", {.size_bytes = k_plan_limit_bytes}));
  return pod_plan_from_json(JsonReader(json, "plan of the pod"));
}

// Before anything else is opened, so that the numbers are those of the starter. There may be many: they go where they
// are in nobody's way.
Result<std::vector<Fd>> take_fds(size_t count) {
  std::vector<Fd> fds;
  for (size_t i = 0; i < count; ++i) {
    const Fd low(k_engine_fd + static_cast<int>(i));
    fds.emplace_back(::fcntl(low.get(), F_DUPFD_CLOEXEC, k_last_namespace + 1));
    if (!fds.back().valid()) return Error::from_errno("keep a socket of the pod");
  }
  return fds;
}

Result<std::unique_ptr<PodMonitor>> make_monitor(const PodHooks& hooks) {
  PodPlan plan = TRY(read_plan());
  auto engine_fds = TRY(take_fds(plan.engine_fds));
  Dir dir(Fd(k_dir_fd), plan.dir);
  TRY(set_inherit(dir.fd(), Inherit::no));
  EventLoop loop = TRY(EventLoop::create());
  auto monitor = std::make_unique<PodMonitor>(std::move(plan), std::move(dir), hooks, std::move(loop));
  monitor->take_engine_fds(std::move(engine_fds));
  return monitor;
}

void answer(int starter, const Json& json) {
  send_packet(starter, Frame::answer, dump_json(json)).ignore("the starter may be gone by now");
}

void answer_error(int starter, const Error& error) { answer(starter, Json::object().set("error", to_json(error))); }

// What a starter does in a terminal must not reach the monitor; SIGTERM is how it is asked to end.
void block_signals() {
  sigset_t set = {};
  ::sigemptyset(&set);
  for (int number : {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2}) ::sigaddset(&set, number);
  (void)::sigprocmask(SIG_BLOCK, &set, nullptr);
}

Result<Fd> take_signals() {
  sigset_t end = {};
  ::sigemptyset(&end);
  ::sigaddset(&end, SIGTERM);
  return make_signal_fd(end);
}

// The process that `state` names, while it holds the lock of the pod.
Result<Fd> open_monitor(const Dir& dir, const StateRecord& state) {
  const auto down = Error(Errc::bad_state, "the pod is not running");
  if (!state.monitor || !TRY(is_locked(dir, k_alive_lock))) return down;
  auto process = open_process(*state.monitor);
  if (!process && process.error().code() == Errc::not_found) return down;
  return process;
}

Result<void> send_signal(const Fd& process, int number) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) == 0 || errno == ESRCH) return ok();
  return Error::from_errno("end the monitor of the pod");
}

}  // namespace

Json to_json(const PodPlan& plan) {
  return Json::object()
      .set("pod_id", plan.pod_id)
      .set("name", plan.name)
      .set("dir", plan.dir)
      .set("run_dir", plan.run_dir)
      .set("namespaces", namespaces_json(plan.namespaces))
      .set("cgroup", to_json(plan.cgroup))
      .set("host", to_json(plan.host))
      .set("engine", plan.engine)
      .set("engine_fds", static_cast<uint64_t>(plan.engine_fds));
}

Result<PodPlan> pod_plan_from_json(const JsonReader& reader) {
  PodPlan plan;
  plan.pod_id = TRY(reader.get_string("pod_id"));
  plan.name = TRY(reader.get_string("name"));
  plan.dir = TRY(reader.get_string("dir"));
  plan.run_dir = TRY(reader.get_string("run_dir"));
  const auto namespaces = TRY(reader.find_object("namespaces"));
  if (!namespaces) return reader.wrong("namespaces", "an object");
  plan.namespaces = TRY(read_namespaces(*namespaces));
  const auto cgroup = TRY(reader.find_object("cgroup"));
  const auto host = TRY(reader.find_object("host"));
  if (!cgroup || !host) return reader.wrong("host", "an object, as is cgroup");
  plan.cgroup = TRY(cgroup_plan_from_json(*cgroup));
  plan.host = TRY(host_facts_from_json(*host));
  plan.engine_fds = static_cast<size_t>(TRY(reader.uint_or("engine_fds", 0)));
  if (const Json* engine = reader.value().find("engine")) plan.engine = *engine;
  return plan;
}

Result<StartedMonitor> spawn_pod_monitor(const PodPlan& plan, const std::string& own_binary,
                                         const std::vector<std::string>& env, const std::vector<Fd>& engine_fds) {
  auto complete = plan;
  complete.engine_fds = engine_fds.size();
  const Fd memory = TRY(make_sealed_memfd("ctr-pod-plan", dump_json(to_json(complete))));
  const Fd dir = TRY(open_path(plan.dir, O_RDONLY | O_DIRECTORY));
  SocketPair pair = TRY(make_socket_pair());
  SpawnOptions options;
  options.program = own_binary;
  options.argv = {"ctr", "pod-monitor", plan.pod_id.substr(0, 12)};
  options.env = env;
  options.cwd = "/";
  options.session = SpawnOptions::Session::fresh;
  options.fds = {{memory.get(), k_plan_fd}, {pair.theirs.get(), k_starter_fd}, {dir.get(), k_dir_fd}};
  int place = k_engine_fd;
  for (const auto& fd : engine_fds) options.fds.emplace_back(fd.get(), place++);
  Child process = TRY(spawn(options).context("start the monitor of the pod"));
  return StartedMonitor(std::move(process), std::move(pair.ours));
}

Result<std::vector<std::pair<NamespaceType, Fd>>> open_pod_namespaces(const Dir& pod_dir, const StateRecord& state) {
  std::vector<std::pair<NamespaceType, Fd>> files;
  const Fd monitor = TRY(open_monitor(pod_dir, state));
  for (size_t i = 0; i < std::size(k_pod_namespaces); ++i) {
    auto file =
        open_path(fmt::format("/proc/{}/fd/{}", state.monitor->pid, k_first_namespace + static_cast<int>(i)), O_RDONLY);
    if (!file && file.error().sys() == ENOENT) continue;
    files.emplace_back(k_pod_namespaces[i], TRY(std::move(file)));
  }
  // The number was that of the monitor all the time.
  (void)TRY(open_monitor(pod_dir, state));
  return files;
}

Result<void> end_pod_monitor(const Dir& pod_dir, const CancelToken& cancel) {
  if (!TRY(is_locked(pod_dir, k_alive_lock))) return ok();
  const auto monitor = open_monitor(pod_dir, TRY(read_state(pod_dir)));
  if (!monitor && monitor.error().code() == Errc::bad_state) return ok();
  TRY(send_signal(*monitor, SIGTERM));
  auto ended = wait_for(monitor->get(), POLLIN, cancel, k_end_timeout);
  if (!ended && ended.error().code() == Errc::timed_out) {
    TRY(send_signal(*monitor, SIGKILL));
    ended = wait_for(monitor->get(), POLLIN, cancel, k_end_timeout);
  }
  return ended ? ok() : Result<void>(ended.error());
}

int run_pod_monitor(const PodHooks& hooks) {
  (void)::prctl(PR_SET_NAME, "ctr-pod");
  for (int number : {k_plan_fd, k_starter_fd}) {
    set_inherit(number, Inherit::no).ignore("an absent one is noticed when it is read");
  }
  Fd starter(k_starter_fd);
  block_signals();
  auto monitor = make_monitor(hooks);
  const auto signals = monitor ? take_signals() : Result<Fd>(Fd());
  if (!signals) monitor = signals.error();
  if (!monitor) return answer_error(starter.get(), monitor.error()), 0;
  const auto report = (*monitor)->bring_up();
  if (!report) {
    (*monitor)->undo(report.error());
    answer_error(starter.get(), report.error());
    return 0;
  }
  Json started = Json::object();
  started.set("pid", int64_t{report->pid}).set("notices", Json::strings(report->notices));
  answer(starter.get(), Json::object().set("started", std::move(started)));
  starter.reset();
  return (*monitor)->serve(*signals) ? 0 : 1;
}

}  // namespace ctr::runtime
