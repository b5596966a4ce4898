#include "runtime/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>
#include <thread>

#include "base/lock.h"
#include "base/paths.h"
#include "runtime/attach.h"
#include "runtime/log_file.h"
#include "tests/catch.h"
#include "tests/unit/runtime/scratch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

// A container directory, and the monitors that are started for it.
class Container {
 public:
  Container() {
    REQUIRE(scratch_.dir().make_dir("bundle", 0700));
    plan.container_id = std::string(64, 'a');
    plan.name = "test";
    plan.bundle = scratch_.file("bundle");
    plan.run_dir = scratch_.file("run/container");
    plan.log.path = scratch_.file("bundle/log");
    plan.spec.process = SpecProcess();
    plan.attach = StarterAttach{.stdin_ = true, .stdout_ = true, .stderr_ = true};
    plan.engine = Json::object();
  }

  StartedMonitor start(const std::string& shell_script) {
    plan.spec.process->args = {"/bin/sh", "-c", shell_script};
    Result<StartedMonitor> monitor = spawn();
    REQUIRE(monitor);
    Result<StartReport> report = monitor->report();
    if (!report) FAIL(report.error().text());
    pid = report->pid;
    CHECK(report->notices == std::vector<std::string>{"a notice"});
    return std::move(*monitor);
  }
  Result<StartedMonitor> spawn() const {
    std::string program = own_binary_dir().value() + "/monitor_host";
    return spawn_monitor({.plan = plan, .own_binary = program, .env = {"PATH=/usr/bin:/bin"}});
  }
  Dir bundle() const { return Dir::open(plan.bundle).value(); }
  Result<Dir> run_dir() const { return Dir::open(plan.run_dir); }
  StateRecord state() const { return read_state(bundle()).value(); }
  Liveness liveness() const { return observe(bundle())->liveness; }
  const Scratch& scratch() const { return scratch_; }

  LaunchPlan plan;
  pid_t pid = 0;

 private:
  Scratch scratch_;
};

struct Caller {
  Pipe in = make_pipe().value();
  Pipe out = make_pipe().value();
  Pipe err = make_pipe().value();

  JoinOptions options() const {
    return {.stdin_fd = in.read_end.get(), .stdout_fd = out.write_end.get(), .stderr_fd = err.write_end.get()};
  }
  // Both outputs fit into their pipes.
  int join(Fd socket, std::string_view input = {}) {
    write_all(in.write_end.get(), input, "test").ignore("seen by what the program does");
    in.write_end.reset();
    Result<JoinEnd> end = join_container(std::move(socket), options());
    if (!end) FAIL(end.error().text());
    CHECK_FALSE(end->detached);
    return end->exit_code;
  }
  static std::string text(Pipe& pipe) {
    pipe.write_end.reset();
    return read_all(pipe.read_end.get(), 1 << 24, "test").value();
  }
};

// Waits for something another process does; the bound is for a test that would otherwise hang.
bool becomes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    ::poll(nullptr, 0, 10);
  }
  return false;
}

bool process_is_there(pid_t pid) { return process_ref(pid) && open_process(*process_ref(pid)); }

std::string log_text(const Container& container) {
  std::string all;
  REQUIRE(read_log(
      container.plan.log.path, {}, "/", [] { return true; },
      [&](const LogRecord& record) {
        all += (record.stream == Stream::stderr_ ? "e:" : "o:") + record.text + (record.partial ? "" : "|");
        return ok();
      }));
  return all;
}

}  // namespace

TEST_CASE("a program's output, exit code and end are seen by its starter, its log and its record") {
  Container container;
  container.plan.engine.set("exit_file", container.scratch().file("exit"));
  StartedMonitor monitor = container.start("echo out; echo err >&2; exit 7");
  Caller caller;
  CHECK(caller.join(monitor.take_socket()) == 7);
  CHECK(Caller::text(caller.out) == "out\n");
  CHECK(Caller::text(caller.err) == "err\n");
  // Whoever knows the exit code finds nothing left.
  CHECK(container.liveness() == Liveness::ended);
  CHECK_FALSE(container.run_dir());
  CHECK(container.scratch().text("exit") == "7");
  StateRecord state = container.state();
  CHECK(state.exit_code == 7);
  CHECK(state.started);
  CHECK(state.finished);
  CHECK_FALSE(state.init);
  std::string log = log_text(container);
  CHECK(log.find("o:out|") != std::string::npos);
  CHECK(log.find("e:err|") != std::string::npos);
}

TEST_CASE("a program that is killed reads as 128 and its signal") {
  Container container;
  StartedMonitor monitor = container.start("kill -9 $$");
  CHECK(Caller().join(monitor.take_socket()) == 137);
}

TEST_CASE("a container can be started again and again without waiting") {
  Container container;
  for (int i = 0; i < 5; ++i) {
    StartedMonitor monitor = container.start("echo $0; exit " + std::to_string(i));
    CHECK(Caller().join(monitor.take_socket()) == i);
  }
}

TEST_CASE("a failed start leaves nothing but its message") {
  Container container;
  container.plan.spec.process->args = {"/no/such/program"};
  Result<StartedMonitor> monitor = container.spawn();
  REQUIRE(monitor);
  Result<StartReport> report = monitor->report();
  REQUIRE_FALSE(report);
  CHECK(report.error().code() == Errc::command_not_found);
  CHECK(container.liveness() == Liveness::never_started);
  CHECK_FALSE(container.run_dir());
  CHECK(container.state().error == "executable file '/no/such/program' not found");
}

TEST_CASE("a running container is not started twice") {
  Container container;
  container.plan.stdin_open = true;
  StartedMonitor first = container.start("read line");
  Result<StartedMonitor> second = container.spawn();
  REQUIRE(second);
  CHECK(second->report().error().code() == Errc::bad_state);
  CHECK(container.liveness() == Liveness::running);
  CHECK(Caller().join(first.take_socket(), "end\n") == 0);
}

TEST_CASE("input reaches the program, and its end too") {
  Container container;
  container.plan.stdin_open = true;
  StartedMonitor monitor = container.start("cat; echo end");
  Caller caller;
  CHECK(caller.join(monitor.take_socket(), "one\ntwo\n") == 0);
  CHECK(Caller::text(caller.out) == "one\ntwo\nend\n");
}

TEST_CASE("without -i the program's stdin is empty") {
  Container container;
  StartedMonitor monitor = container.start("cat; echo end");
  Caller caller;
  CHECK(caller.join(monitor.take_socket(), "never seen") == 0);
  CHECK(Caller::text(caller.out) == "end\n");
}

TEST_CASE("a starter that dies ends the program's input, and the program runs on") {
  Container container;
  container.plan.stdin_open = true;
  StartedMonitor monitor = container.start("cat; sleep 1000");
  {
    Fd gone = monitor.take_socket();
  }
  CHECK(container.liveness() == Liveness::running);
  REQUIRE(send_signal(container.run_dir().value(), SIGKILL));
  CHECK(becomes_true([&] { return container.liveness() == Liveness::ended; }));
}

TEST_CASE("output that a program leaves behind is not lost") {
  Container container;
  StartedMonitor monitor = container.start("head -c 60000 /dev/zero | tr '\\0' x");
  Caller caller;
  CHECK(caller.join(monitor.take_socket()) == 0);
  CHECK(Caller::text(caller.out).size() == 60'000);
}

TEST_CASE("much output passes through whole, with a reader slower than the program") {
  Container container;
  StartedMonitor monitor = container.start("i=0; while [ $i -lt 40 ]; do seq 1 5000; i=$((i+1)); done");
  Caller caller;
  std::string all;
  std::thread reader([&] {
    char buffer[1000];
    for (ssize_t size = 0; (size = ::read(caller.out.read_end.get(), buffer, sizeof(buffer))) > 0;) {
      all.append(buffer, static_cast<size_t>(size));
    }
  });
  CHECK(caller.join(monitor.take_socket()) == 0);
  caller.out.write_end.reset();
  reader.join();
  CHECK(all.size() == 40 * 23'893);
  CHECK(all.ends_with("\n4999\n5000\n"));
}

TEST_CASE("a reader that goes away ends a program that only writes") {
  Container container;
  StartedMonitor monitor = container.start("exec yes");
  Caller caller;
  std::thread reader([&] {
    char byte = 0;
    (void)!::read(caller.out.read_end.get(), &byte, 1);
    caller.out.read_end.reset();
  });
  int code = caller.join(monitor.take_socket());
  reader.join();
  CHECK(code == 128 + SIGPIPE);
}

TEST_CASE("a detached container is attached to, asked, signalled and waited for") {
  Container container;
  container.plan.attach.reset();
  container.plan.stdin_open = true;
  StartedMonitor monitor = container.start("trap 'echo usr1' USR1; while ! read line; do :; done; echo $line; exit 9");
  Dir run_dir = container.run_dir().value();
  MonitorStatus status = query_status(run_dir).value();
  CHECK(status.pid == container.pid);
  CHECK(status.attached_clients == 0);
  Fd pidfd = query_pidfd(run_dir).value();
  CHECK(::syscall(SYS_pidfd_send_signal, pidfd.get(), 0, nullptr, 0) == 0);
  std::optional<int> waited;
  std::thread waiter([&] { waited = wait_for_exit(run_dir).value_or(std::nullopt); });
  CHECK(becomes_true([&] { return query_status(run_dir)->waiting_clients == 1; }));
  Caller caller;
  Fd socket = connect_attach(run_dir, caller.options()).value();
  CHECK(query_status(run_dir)->attached_clients == 1);
  CHECK(caller.join(std::move(socket), "typed\n") == 9);
  waiter.join();
  CHECK(waited == 9);
  CHECK(Caller::text(caller.out) == "typed\n");
}

TEST_CASE("requests to a container that does not run say so") {
  Container container;
  Scratch empty;
  CHECK(query_status(empty.dir()).error().code() == Errc::bad_state);
  CHECK(send_signal(empty.dir(), SIGTERM).error().code() == Errc::bad_state);
  CHECK_FALSE(wait_for_exit(empty.dir()).value());
}

TEST_CASE("a program gets a terminal with the size of its client's window") {
  Container container;
  container.plan.spec.process->terminal = true;
  container.plan.stdin_open = true;
  StartedMonitor monitor = container.start("stty size; stty raw -echo; echo ready; head -c 3; stty size");
  Caller caller;
  Fd socket = monitor.take_socket();
  uint16_t size[2] = {44, 99};
  REQUIRE(send_packet(socket.get(), Frame::resize, {reinterpret_cast<const char*>(size), sizeof(size)}));
  CHECK(caller.join(std::move(socket), "abc") == 0);
  std::string out = Caller::text(caller.out);
  CHECK(out.find("ready") != std::string::npos);
  CHECK(out.find("44 99") != std::string::npos);
}

TEST_CASE("a program that outlasts --timeout is killed and reads as 255") {
  Container container;
  container.plan.timeout = std::chrono::seconds(0);
  StartedMonitor monitor = container.start("exec sleep 1000");
  CHECK(Caller().join(monitor.take_socket()) == 255);
}

TEST_CASE("a killed monitor takes its program with it, and nothing claims to run") {
  Container container;
  container.plan.attach.reset();
  // What it says proves that it has set its parent's death signal.
  StartedMonitor monitor = container.start("echo ready; exec sleep 1000");
  CHECK(becomes_true([&] { return log_text(container) == "o:ready|"; }));
  CHECK(container.liveness() == Liveness::running);
  pid_t monitor_pid = container.state().monitor->pid;
  REQUIRE(::kill(monitor_pid, SIGKILL) == 0);
  CHECK(becomes_true([&] { return !process_is_there(container.pid); }));
  CHECK(becomes_true([&] { return container.liveness() == Liveness::ended; }));
  CHECK(observe(container.bundle())->record.exit_code == 137);
  CHECK(kill_orphan(container.state()));
  CHECK(query_status(container.run_dir().value()).error().code() == Errc::bad_state);
  // What it left behind is no obstacle.
  container.plan.attach = StarterAttach{};
  StartedMonitor next = container.start("exit 3");
  CHECK(Caller().join(next.take_socket()) == 3);
}

TEST_CASE("the helpers of the network are started again, and gone when the container is") {
  Container container;
  container.plan.stdin_open = true;
  container.plan.engine.set("helper_pid_file", container.scratch().file("helper"));
  StartedMonitor monitor = container.start("read line");
  auto helper = [&] { return std::stoi(container.scratch().text("helper")); };
  pid_t first = helper();
  REQUIRE(::kill(first, SIGKILL) == 0);
  CHECK(becomes_true([&] { return helper() != first; }));
  pid_t second = helper();
  CHECK(process_is_there(second));
  CHECK(Caller().join(monitor.take_socket(), "end\n") == 0);
  CHECK_FALSE(process_is_there(second));
}

TEST_CASE("without a log driver nothing is written, with passthrough nothing is between") {
  Container container;
  container.plan.log.driver = LogPlan::Driver::none;
  StartedMonitor monitor = container.start("echo out");
  Caller caller;
  CHECK(caller.join(monitor.take_socket()) == 0);
  CHECK(Caller::text(caller.out) == "out\n");
  CHECK_FALSE(path_exists(container.plan.log.path));

  Container other;
  other.plan.log.driver = LogPlan::Driver::passthrough;
  other.plan.spec.process->args = {"/bin/echo", "straight"};
  Pipe out = make_pipe().value();
  std::string program = own_binary_dir().value() + "/monitor_host";
  Result<StartedMonitor> direct = spawn_monitor({.plan = other.plan,
                                                 .own_binary = program,
                                                 .env = {},
                                                 .seccomp = nullptr,
                                                 .stdio = {-1, out.write_end.get(), -1}});
  REQUIRE(direct);
  REQUIRE(direct->report());
  out.write_end.reset();
  CHECK(read_all(out.read_end.get(), 100, "test").value() == "straight\n");
}

TEST_CASE("a container that is initialized waits, and a second starter gets its program") {
  Container container;
  container.plan.initialize = true;
  container.plan.attach.reset();
  container.plan.stdin_open = true;
  container.plan.spec.process->args = {"/bin/sh", "-c", "cat; echo out; exit 7"};
  // The programs of this host run at once, where a container's would wait: this one does so for its input.
  auto monitor = container.spawn();
  REQUIRE(monitor);
  const auto first = monitor->report();
  REQUIRE(first);
  const auto seen = observe(container.bundle());
  CHECK(seen->liveness == Liveness::running);
  CHECK(seen->record.initialized);
  CHECK(seen->record.init->pid == first->pid);
  CHECK_FALSE(seen->record.started);
  const auto run_dir = container.run_dir();
  REQUIRE(run_dir);
  CHECK_FALSE(connect_attach(*run_dir, {}));

  auto socket = ask_start(*run_dir, StarterAttach{.stdin_ = true, .stdout_ = true, .stderr_ = true});
  REQUIRE(socket);
  StartedMonitor started(std::move(*socket));
  const auto second = started.report();
  REQUIRE(second);
  CHECK(second->pid == first->pid);
  CHECK(second->notices == std::vector<std::string>{"a notice"});
  CHECK_FALSE(container.state().initialized);
  CHECK(container.state().started);
  Caller caller;
  CHECK(caller.join(started.take_socket(), "in\n") == 7);
  CHECK(Caller::text(caller.out) == "in\nout\n");
}

TEST_CASE("what ends while it waits to be started has ended, and its monitor with it") {
  Container container;
  container.plan.initialize = true;
  container.plan.attach.reset();
  container.plan.engine.set("exit_file", container.scratch().file("exit"));
  container.plan.spec.process->args = {"/bin/sleep", "1000"};
  auto monitor = container.spawn();
  REQUIRE(monitor);
  REQUIRE(monitor->report());
  REQUIRE(send_signal(*container.run_dir(), SIGKILL, SignalPurpose::stop));
  REQUIRE(becomes_true([&] { return container.liveness() == Liveness::ended; }));
  CHECK(container.state().exit_code == 137);
  CHECK(container.state().stopped_by_user);
  CHECK_FALSE(container.state().started);
  CHECK(container.scratch().text("exit") == "137");
  CHECK_FALSE(container.run_dir());
}

TEST_CASE("a monitor that is killed while it waits leaves what was before") {
  Container container;
  container.plan.initialize = true;
  container.plan.attach.reset();
  container.plan.spec.process->args = {"/bin/sleep", "1000"};
  StateRecord former;
  former.started = former.finished = now();
  former.exit_code = 3;
  REQUIRE(write_state(container.bundle(), former));
  auto monitor = container.spawn();
  REQUIRE(monitor);
  const auto report = monitor->report();
  REQUIRE(report);
  // Before it is the program itself it has not set its parent's death signal.
  const auto name_file = "/proc/" + std::to_string(report->pid) + "/comm";
  REQUIRE(becomes_true([&] { return read_file(name_file).value_or("") == "sleep\n"; }));
  const auto status = query_status(*container.run_dir());
  REQUIRE(status);
  REQUIRE(::kill(status->monitor_pid, SIGKILL) == 0);
  REQUIRE(becomes_true([&] { return !process_is_there(report->pid); }));
  REQUIRE(becomes_true([&] { return container.liveness() == Liveness::ended; }));
  const auto seen = observe(container.bundle());
  CHECK(seen->record.exit_code == 3);
  CHECK_FALSE(seen->record.initialized);
  CHECK_FALSE(seen->record.init);
}
