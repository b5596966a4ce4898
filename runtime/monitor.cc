#include "runtime/monitor.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "base/channel.h"
#include "base/lock.h"
#include "base/loop.h"
#include "runtime/attach.h"
#include "runtime/container/notify.h"
#include "runtime/monitor_clients.h"
#include "runtime/monitor_health.h"
#include "runtime/monitor_streams.h"
#include "runtime/network_watch.h"

namespace ctr::runtime {

namespace {

constexpr size_t k_plan_limit_bytes = size_t{16} << 20;
constexpr size_t k_seccomp_limit_bytes = size_t{1} << 20;  // BPF_MAXINSNS instructions are 32 KiB
constexpr int k_timed_out_code = 255;                      // what podman reports for --timeout

// One run of one container.
class Monitor final : public LaunchObserver, public AttachTarget {
 public:
  Monitor(LaunchPlan plan, Dir bundle, const MonitorHooks& hooks, Launcher& launcher, EventLoop loop)
      : plan_(std::move(plan)),
        bundle_(std::move(bundle)),
        hooks_(hooks),
        launcher_(launcher),
        loop_(std::move(loop)),
        server_(loop_, *this),
        network_(loop_) {}

  void use_filter(std::optional<SeccompProgram> filter) { filter_ = std::move(filter); }
  // Until the program runs, and the starter knows. False: it does not, and nothing is left but the message in
  // state.json.
  bool start(Fd starter);
  // Until everything is over and everybody knows. The starter becomes a client if the plan says so.
  Result<void> serve();

  Result<void> on_created(const CreatedProcess& process) override;
  Result<void> beside_mounts(const CreatedProcess& process) override;
  Result<void> before_exec(const CreatedProcess& process) override;

  bool can_attach() const override { return plan_.log.driver != LogPlan::Driver::passthrough; }
  void input(std::string_view bytes) override { streams_->input(bytes); }
  bool input_idle() const override { return streams_->input_idle(); }
  void input_end() override { streams_->input_end(); }
  void resize(WindowSize size) override { streams_->resize(size); }
  Result<void> send_signal(int number) override;
  bool waits_for_start() const override { return waiting_pidfd_ >= 0; }
  void start(Fd socket, const std::optional<StarterAttach>& streams) override;
  void keep_down() override { stopped_by_user_ = true; }
  void change_orders(const NewOrders& orders) override;
  Result<void> change_network(const Json& order, Fd fd) override;
  void close_output(int stream) override { streams_->close_output(stream); }
  void output_caught_up() override { streams_->resume(); }
  pid_t init_pid() const override { return init_ ? init_->pid() : 0; }
  int init_pidfd() const override { return init_ ? init_->pidfd() : -1; }
  Result<void> show_root(int client) override;

 private:
  Result<StartReport> try_start();
  Result<StartReport> launch_program(const SeccompProgram* seccomp);
  Result<void> wait_for_start(const CreatedProcess& process);
  void end_waiting();
  void undo_start(const Error& error);
  void forget_plan();
  void watch_health();
  void watch_side_programs();
  void on_post_start_end(bool passed);
  void end_side_programs();
  Result<void> open_notify();
  void watch_notify();
  void on_check(CheckEnd end);
  void stop_program();
  void on_timeout();
  void on_end();

  LaunchPlan plan_;
  Dir bundle_;
  const MonitorHooks& hooks_;
  Launcher& launcher_;
  EventLoop loop_;
  AttachServer server_;
  Fd starter_;
  std::optional<SeccompProgram> filter_;
  std::optional<ContainerStreams> streams_;
  std::optional<FileLock> alive_;
  StateRecord former_;
  StateRecord record_;
  NetworkWatch network_;
  std::optional<Child> init_;
  std::optional<HealthWatch> health_, readiness_;
  std::optional<Child> post_start_;
  std::optional<NotifyProxy> notify_;
  std::optional<Child> root_copy_;  // answers a client
  bool timed_out_ = false;
  bool stopped_by_user_ = false;
  bool restart_asked_ = false;  // by the health check
  int waiting_pidfd_ = -1;      // of the first process while it waits to be started
  bool ended_waiting_ = false;
};

Json report_to_json(const StartReport& report) {
  Json started = Json::object();
  started.set("pid", int64_t{report.pid}).set("notices", Json::strings(report.notices));
  return Json::object().set("started", std::move(started));
}

Json error_to_json(const Error& error) { return Json::object().set("error", to_json(error)); }

void send_answer(int starter, const Json& answer) {
  send_packet(starter, Frame::answer, dump_json(answer)).ignore("the starter may be gone by now");
}

bool Monitor::start(Fd starter) {
  starter_ = std::move(starter);
  const Result<StartReport> report = try_start();
  send_answer(starter_.get(), report ? report_to_json(*report) : error_to_json(report.error()));
  return static_cast<bool>(report);
}

Result<StartReport> Monitor::try_start() {
  alive_ = TRY(FileLock::try_acquire(bundle_, k_alive_lock, LockMode::exclusive));
  if (!alive_) return Error(Errc::bad_state, "container '" + plan_.name + "' is already running");
  // A record that cannot be read must not keep a container from being started: it is about to be replaced.
  former_ = settle(read_state(bundle_).value_or(StateRecord()));
  const std::optional<SeccompProgram> filter = std::exchange(filter_, std::nullopt);
  Result<StartReport> report = launch_program(filter ? &*filter : nullptr);
  if (!report && ended_waiting_) {
    end_waiting();
  } else if (!report) {
    undo_start(report.error());
  } else if (hooks_.on_started) {
    hooks_.on_started(plan_, record_);
  }
  return report;
}

Result<StartReport> Monitor::launch_program(const SeccompProgram* seccomp) {
  if (hooks_.make_network) network_.use(TRY(hooks_.make_network(plan_)));
  bool terminal = plan_.spec.process && plan_.spec.process->terminal;
  bool passthrough = plan_.log.driver == LogPlan::Driver::passthrough;
  streams_.emplace(loop_, server_, TRY(open_container_log(plan_)));
  TRY(server_.open(plan_.run_dir));
  TRY(open_notify());
  ProgramPipes pipes;
  std::array<int, 3> stdio = {-1, -1, -1};
  if (passthrough) {
    stdio = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  } else if (!terminal) {
    pipes = TRY(ProgramPipes::make(plan_.stdin_open));
    stdio = {pipes.stdin_read.get(), pipes.stdout_write.get(), pipes.stderr_write.get()};
  }
  Launched launched = TRY(launcher_.start(plan_, seccomp, stdio, *this));
  init_.emplace(std::move(launched.init));
  if (terminal) {
    TRY(streams_->start_terminal(std::move(launched.console_master)));
  } else if (!passthrough) {
    TRY(streams_->start_pipes(std::move(pipes.stdin_write), std::move(pipes.stdout_read),
                              std::move(pipes.stderr_read)));
  }
  return StartReport{.pid = init_->pid(), .notices = std::move(launched.notices)};
}

Result<void> Monitor::open_notify() {
  if (plan_.notify && plan_.notify->relays) notify_.emplace(TRY(NotifyProxy::listen(plan_.notify->socket, bundle_)));
  return ok();
}

Result<void> Monitor::on_created(const CreatedProcess& process) { return network_.configure(process); }

Result<void> Monitor::beside_mounts(const CreatedProcess& process) { return network_.connect(process); }

Result<void> Monitor::before_exec(const CreatedProcess& process) {
  TRY(network_.finish(process));
  record_.boot_id = TRY(read_boot_id());
  record_.monitor = TRY(process_ref(::getpid()));
  record_.init = TRY(process_ref(process.pid));
  record_.cgroup_path = launcher_.cgroup_path();
  if (plan_.initialize) TRY(wait_for_start(process));
  record_.started = now();
  record_.restart_count = plan_.restart_count;
  // Before the program starts: should we be killed from here on, the next command finds what is left.
  return write_state(bundle_, record_);
}

Result<void> Monitor::wait_for_start(const CreatedProcess& process) {
  // What the container was before stays, in case nobody goes on.
  StateRecord waiting = former_;
  waiting.boot_id = record_.boot_id;
  waiting.monitor = record_.monitor;
  waiting.init = record_.init;
  waiting.cgroup_path = record_.cgroup_path;
  waiting.error.clear();
  waiting.restart_pending = false;
  waiting.initialized = true;
  TRY(write_state(bundle_, waiting));
  waiting_pidfd_ = process.pidfd;
  send_answer(starter_.get(), report_to_json({.pid = process.pid, .notices = {}}));
  starter_.reset();
  TRY(loop_.add(process.pidfd, EPOLLIN, [this](uint32_t) { loop_.stop(); }));
  (void)::malloc_trim(0);
  const Result<void> served = loop_.run();
  loop_.remove(process.pidfd);
  waiting_pidfd_ = -1;
  TRY(served);
  ended_waiting_ = !starter_.valid();
  if (ended_waiting_) return Error(Errc::bad_state, "the container has ended before it was started");
  return ok();
}

void Monitor::start(Fd socket, const std::optional<StarterAttach>& streams) {
  starter_ = std::move(socket);
  plan_.attach = streams;
  loop_.stop();
}

// A program that never ran ends like one that was killed.
void Monitor::end_waiting() {
  init_.reset();
  (void)launcher_.clean_up();
  network_.stop();
  StateRecord ended;
  ended.boot_id = record_.boot_id;
  ended.finished = now();
  ended.exit_code = 128 + SIGKILL;
  ended.stopped_by_user = stopped_by_user_;
  write_state(bundle_, ended).ignore("a full disk: the record reads as before");
  server_.close(plan_.run_dir);
  if (hooks_.on_exit) hooks_.on_exit(plan_, ended);
  alive_.reset();
  server_.finish(ended.exit_code, [] {});
}

void Monitor::undo_start(const Error& error) {
  init_.reset();
  launcher_.clean_up().ignore("the error that is reported came first");
  network_.stop();
  server_.close(plan_.run_dir);
  former_.error = error.text();
  write_state(bundle_, former_).ignore("the error that is reported came first");
  alive_.reset();
}

// The plan is needed no more, but for its names; what it held goes back to the kernel.
void Monitor::forget_plan() {
  plan_.spec = RuntimeSpec();
  plan_.rootfs = RootfsPlan();
  plan_.host = HostFacts();
  former_ = StateRecord();
  (void)::malloc_trim(0);
}

Result<void> Monitor::serve() {
  if (plan_.log.driver == LogPlan::Driver::passthrough) {
    // The program's own descriptors are not ours to hold open.
    Fd null = TRY(open_path("/dev/null", O_RDWR));
    // not CLOEXEC: the standard descriptors are what a program gets.
    for (int number = 0; number < 3; ++number) (void)::dup3(null.get(), number, 0);
  }
  if (plan_.attach) {
    TRY(server_.adopt_starter(std::move(starter_), *plan_.attach));
  } else {
    starter_.reset();
  }
  TRY(loop_.add(init_->pidfd(), EPOLLIN, [this](uint32_t) { on_end(); }));
  if (plan_.timeout) {
    loop_.add_timer(*plan_.timeout, [this] { on_timeout(); });
  }
  network_.watch();
  watch_health();
  watch_side_programs();
  watch_notify();
  forget_plan();
  return loop_.run();
}

// Who sends one of these wants the program to be gone.
bool ends_programs(int number) {
  return number == SIGKILL || number == SIGTERM || number == SIGINT || number == SIGQUIT;
}

Result<void> Monitor::send_signal(int number) {
  if (number <= 0 || number > SIGRTMAX) return Error(Errc::invalid, "there is no signal " + std::to_string(number));
  if (ends_programs(number)) stopped_by_user_ = true;
  if (waits_for_start()) {
    if (::syscall(SYS_pidfd_send_signal, waiting_pidfd_, number, nullptr, 0) == 0) return ok();
    return Error::from_errno("send signal " + std::to_string(number));
  }
  if (!init_) return Error(Errc::bad_state, "the program has ended");
  return init_->signal(number);
}

Result<void> Monitor::show_root(int client) {
  if (!init_ || !hooks_.start_root_copy) return Error(Errc::bad_state, "the container is not running");
  if (root_copy_) return Error(Errc::in_use, "the container's root is being asked for by somebody else at this moment");
  root_copy_.emplace(TRY(hooks_.start_root_copy(client, init_->pidfd())));
  auto watched = loop_.add(root_copy_->pidfd(), EPOLLIN, [this](uint32_t) {
    loop_.remove(root_copy_->pidfd());
    (void)root_copy_->wait();
    root_copy_.reset();
  });
  if (!watched) root_copy_.reset();
  return watched;
}

void Monitor::watch_health() {
  if (!plan_.health || !hooks_.start_health_check) return;
  health_.emplace(
      loop_, *plan_.health, [this] { return hooks_.start_health_check(plan_); },
      [this](CheckEnd end) { on_check(end); });
}

void Monitor::watch_side_programs() {
  if (plan_.readiness && hooks_.start_readiness_check) {
    readiness_.emplace(
        loop_, *plan_.readiness, [this] { return hooks_.start_readiness_check(plan_); }, [](CheckEnd) {});
  }
  if (!plan_.post_start || !hooks_.start_post_start) return;
  auto started = hooks_.start_post_start(plan_);
  if (!started) return on_post_start_end(false);
  post_start_.emplace(std::move(*started));
  const auto watched = loop_.add(post_start_->pidfd(), EPOLLIN, [this](uint32_t) {
    loop_.remove(post_start_->pidfd());
    const auto status = post_start_->wait();
    post_start_.reset();
    on_post_start_end(status && status->code == 0);
  });
  if (watched) return;
  post_start_.reset();
  on_post_start_end(false);
}

void Monitor::on_post_start_end(bool passed) {
  if (!passed && init_) init_->signal(SIGKILL).ignore("it has ended by itself at this moment");
}

void Monitor::end_side_programs() {
  readiness_.reset();
  if (post_start_) loop_.remove(post_start_->pidfd());
  post_start_.reset();
}

void Monitor::change_orders(const NewOrders& orders) {
  for (const auto& [key, value] : orders.engine.as_object()) plan_.engine.set(key, value);
  if (orders.health == plan_.health) return;
  plan_.health = orders.health;
  health_.reset();
  if (init_ && !waits_for_start()) watch_health();
}

Result<void> Monitor::change_network(const Json& order, Fd fd) {
  if (!init_ && !waits_for_start()) return Error(Errc::bad_state, "the program has ended");
  return network_.change(order, std::move(fd));
}

void Monitor::watch_notify() {
  if (!notify_) return;
  loop_.add(notify_->fd(), EPOLLIN, [this](uint32_t) { notify_->relay(); }).ignore("the program runs all the same");
}

void Monitor::on_check(CheckEnd end) {
  if (!init_) return;
  if (end == CheckEnd::passed && plan_.notify && plan_.notify->when_healthy) {
    plan_.notify->when_healthy = false;
    tell_manager(plan_.notify->socket, "READY=1").ignore("nobody is left who could be told");
  }
  auto action = HealthPlan::Action::none;
  if (end == CheckEnd::unhealthy) action = plan_.health->action;
  if (end == CheckEnd::startup_failed) {
    const bool kills = plan_.health->action == HealthPlan::Action::kill;
    action = kills ? HealthPlan::Action::kill : HealthPlan::Action::restart;
  }
  switch (action) {
    case HealthPlan::Action::none:
      return;
    case HealthPlan::Action::kill:
      init_->signal(SIGKILL).ignore("it has ended by itself at this moment");
      return;
    case HealthPlan::Action::restart:
      restart_asked_ = true;
      return stop_program();
    case HealthPlan::Action::stop:
      stopped_by_user_ = true;
      return stop_program();
  }
}

void Monitor::stop_program() {
  init_->signal(plan_.health->stop_signal).ignore("it has ended by itself at this moment");
  loop_.add_timer(plan_.health->stop_timeout, [this] {
    if (init_) init_->signal(SIGKILL).ignore("it has ended by itself at this moment");
  });
}

void Monitor::on_timeout() {
  if (!init_) return;
  timed_out_ = true;
  init_->signal(SIGKILL).ignore("it has ended by itself at this moment");
}

void Monitor::on_end() {
  TimePoint finished = now();
  loop_.remove(init_->pidfd());
  ExitStatus status = init_->wait().value_or(ExitStatus{.code = 128 + SIGKILL, .signal = SIGKILL});
  init_.reset();
  health_.reset();
  end_side_programs();
  streams_->drain();
  if (notify_) {
    loop_.remove(notify_->fd());
    // What it said right before its end.
    notify_->relay();
    notify_.reset();
  }
  Result<Launcher::Leftover> leftover = launcher_.clean_up();
  network_.stop();
  record_.init.reset();
  record_.cgroup_path.clear();
  record_.finished = finished;
  record_.exit_code = timed_out_ ? k_timed_out_code : status.code;
  record_.oom_killed = leftover && leftover->oom_killed;
  record_.stopped_by_user = stopped_by_user_;
  const bool policy = hooks_.wants_restart && hooks_.wants_restart(plan_, record_);
  record_.restart_pending = !stopped_by_user_ && (restart_asked_ || policy);
  if (!record_.restart_pending) record_.monitor.reset();
  write_state(bundle_, record_).ignore("a full disk: the record reads as a killed container");
  server_.close(plan_.run_dir);
  if (hooks_.on_exit) hooks_.on_exit(plan_, record_);
  alive_.reset();
  server_.finish(record_.exit_code, [this] { loop_.stop(); });
}

// What a starter does in a terminal must not reach the container's monitor; SIGTERM at the end of a user's session
// reaches the program itself, and we record how it ends.
void ignore_signals() {
  sigset_t set = {};
  ::sigemptyset(&set);
  for (int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2}) ::sigaddset(&set, number);
  (void)::sigprocmask(SIG_BLOCK, &set, nullptr);
}

Result<LaunchPlan> read_plan() {
  Fd memory(MonitorDescriptors::k_plan);
  std::string text = TRY(read_all(memory.get(), k_plan_limit_bytes, "the launch plan"));
  Json json = TRY(parse_json(text, "launch plan", {.size_bytes = k_plan_limit_bytes}));
  return launch_plan_from_json(JsonReader(json, "launch plan"));
}

Result<std::optional<SeccompProgram>> read_seccomp(uint32_t flags) {
  if (::fcntl(MonitorDescriptors::k_seccomp, F_GETFD) < 0) return std::optional<SeccompProgram>();
  Fd memory(MonitorDescriptors::k_seccomp);
  std::string bpf = TRY(read_all(memory.get(), k_seccomp_limit_bytes, "the seccomp program"));
  return std::optional(SeccompProgram{.bpf = std::move(bpf), .flags = flags});
}

// From the descriptors to a monitor that knows what to do. Of them those that are absent are numbers of nobody: they
// are looked for before anything is opened.
Result<std::unique_ptr<Monitor>> make_monitor(const MonitorHooks& hooks, Launcher& launcher) {
  LaunchPlan plan = TRY(read_plan());
  Dir bundle(Fd(MonitorDescriptors::k_bundle), plan.bundle);
  TRY(set_inherit(bundle.fd(), Inherit::no));
  std::optional<SeccompProgram> filter = TRY(read_seccomp(plan.seccomp_flags));
  EventLoop loop = TRY(EventLoop::create());
  auto monitor = std::make_unique<Monitor>(std::move(plan), std::move(bundle), hooks, launcher, std::move(loop));
  monitor->use_filter(std::move(filter));
  return monitor;
}

}  // namespace

int run_monitor(const MonitorHooks& hooks, std::unique_ptr<Launcher> launcher) {
  ignore_signals();
  (void)::prctl(PR_SET_NAME, "ctr-monitor");
  Fd starter(MonitorDescriptors::k_starter);
  for (int number : {MonitorDescriptors::k_plan, MonitorDescriptors::k_starter, MonitorDescriptors::k_seccomp,
                     MonitorDescriptors::k_secrets}) {
    set_inherit(number, Inherit::no).ignore("an absent one is noticed when it is read");
  }
  Result<std::unique_ptr<Monitor>> monitor = make_monitor(hooks, *launcher);
  if (!monitor) {
    send_answer(starter.get(), error_to_json(monitor.error()));
    return 0;
  }
  if (!(*monitor)->start(std::move(starter))) return 0;
  return (*monitor)->serve() ? 0 : 1;
}

}  // namespace ctr::runtime
