// Runs a check in the container and writes down how it went.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>

#include "base/child.h"
#include "base/file.h"
#include "base/wait.h"
#include "engine/container_info.h"
#include "engine/exec.h"
#include "engine/health.h"
#include "engine/probe.h"
#include "engine/transfer.h"

namespace ctr::engine {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

namespace {

// Of the output, before the container's own rule cuts it.
constexpr size_t k_output_limit_bytes = size_t{64} << 10;

// Both ends of a pipe for the output of a check.
struct OutputPipe {
  Fd read, write;
  static Result<OutputPipe> make() {
    std::array<int, 2> ends = {-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno("make a pipe");
    OutputPipe pipe{Fd(ends[0]), Fd(ends[1])};
    TRY(set_nonblocking(pipe.read.get()));
    return pipe;
  }
};

// Takes what is there; what is over the limit is dropped, so that the check never waits for us. False at the end.
bool read_output(const Fd& pipe, std::string& output) {
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t size = ::read(pipe.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size < 0 && errno == EAGAIN;
    const auto room = k_output_limit_bytes - output.size();
    output.append(buffer.data(), std::min(static_cast<size_t>(size), room));
  }
}

// Until the program has ended; nullopt when it takes longer than `timeout`. What its descendants print afterwards is
// not waited for.
Result<std::optional<ExitStatus>> watch(Child& program, const Fd& pipe, nanoseconds timeout, const CancelToken& cancel,
                                        std::string& output) {
  const auto deadline = steady_clock::now() + timeout;
  bool open = true;
  while (true) {
    std::array<pollfd, 3> entries = {
        {{program.pidfd(), POLLIN, 0}, {open ? pipe.get() : -1, POLLIN, 0}, {cancel.fd(), POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), poll_timeout(deadline)) < 0 && errno != EINTR) {
      return Error::from_errno("poll");
    }
    TRY(cancel.check());
    if (open) open = read_output(pipe, output);
    if (entries[0].revents != 0) return std::optional(TRY(program.wait()));
    if (steady_clock::now() >= deadline) return std::optional<ExitStatus>();
  }
}

// Only a program that cannot be started is a result; any other error says nothing of the container's health.
bool is_result(const Error& error) {
  return error.code() == Errc::command_not_found || error.code() == Errc::command_not_executable;
}

Result<HealthResult> run_probe(Core& core, const runtime::StateRecord& state, const HealthCommand& command) {
  HealthResult result;
  if (!state.init) return Error(Errc::bad_state, "the container is not running");
  const auto process = TRY(runtime::open_process(*state.init));
  result.start = now();
  // TLS is ctr-transfer's, which stays outside of the container.
  const auto ask = [&](WebRequest request, const ConnectSocket& connect) -> Result<WebAnswer> {
    TransferRequest transfer;
    transfer.verb = TransferRequest::Verb::web;
    transfer.web.push_back(std::move(request));
    auto answer = TRY(run_transfer(core.options(), std::move(transfer), connect));
    if (answer.web.size() != 1) return Error(Errc::network, "there is no answer");
    return std::move(answer.web.front());
  };
  auto probe = TRY(run_own_test(command.argv, process.get(), command.timeout, core.cancel(), ask));
  result.exit_code = probe.timed_out ? -1 : probe.passed ? 0 : 1;
  result.output = std::move(probe.output);
  result.end = now();
  return result;
}

Result<HealthResult> run_program(Core& core, const storage::ContainerEntry& entry, const HealthCommand& command) {
  HealthResult result;
  auto pipe = TRY(OutputPipe::make());
  ExecOptions options;
  options.argv = command.argv;
  result.start = now();
  auto launched = launch_in_container(core, entry, options, {-1, pipe.write.get(), pipe.write.get()});
  pipe.write.reset();
  if (!launched && !is_result(launched.error())) return std::move(launched).error();
  if (launched) {
    const auto status = TRY(watch(launched->init, pipe.read, command.timeout, core.cancel(), result.output));
    result.exit_code = !status ? -1 : status->code == 0 ? 0 : 1;
  } else {
    result.exit_code = 1;
    result.output = launched.error().text();
  }
  result.end = now();
  while (result.output.ends_with('\n')) result.output.pop_back();
  return result;
}

// What else is to hear of the results: the text for the event, if it is that.
std::string tell_destination(Core& core, const ContainerRecord& record, const HealthRecord& health) {
  const auto& place = record.spec.health_rules.log_destination;
  if (place.empty()) return {};
  auto text = dump_json(health_log_json(health));
  if (!place.starts_with('/')) return text;
  const auto written = [&]() -> Result<void> {
    const auto dir = TRY(Dir::open(place));
    return dir.write_file(health_log_name(record.id), text + "\n", Sync::no);
  }();
  // The container's own record has them all the same.
  if (!written) core.debug(written.error().text());
  return {};
}

}  // namespace

Result<HealthResult> run_test(Core& core, const storage::ContainerEntry& entry, const runtime::StateRecord& state,
                              const HealthCommand& command) {
  if (is_own_test(command.argv)) return run_probe(core, state, command);
  return run_program(core, entry, command);
}

Result<CheckOutcome> check_health(Core& core, const storage::ContainerEntry& entry) {
  const auto containers = TRY(core.store())->containers();
  const auto dir = TRY(containers.open(entry.id));
  const auto record = TRY(read_record(dir));
  const auto seen = TRY(runtime::observe(dir));
  if (seen.liveness != runtime::Liveness::running || seen.record.initialized) {
    return Error(Errc::bad_state, fmt::format("container {} is not running", record.id));
  }
  if (!has_health_check(record.spec)) {
    return Error(Errc::invalid, fmt::format("container {} has no defined healthcheck", record.id));
  }
  const auto command = next_check(record.spec, TRY(read_health(dir)));
  auto result = TRY(run_test(core, entry, seen.record, command));
  CheckOutcome outcome;
  outcome.report.passed = result.exit_code == 0;
  outcome.report.startup = command.startup;
  if (result.exit_code < 0) outcome.report.timed_out = command.timeout;
  const auto begin = seen.record.started.value_or(result.start);
  const bool in_start_period = result.start < begin + record.spec.health->start_period;
  std::string status;
  std::string log;
  {
    const auto lock = TRY(containers.lock(entry.id, LockMode::exclusive, core.cancel()));
    // Another start has begun a record of its own.
    const auto again = TRY(runtime::observe(dir));
    if (again.record.started != seen.record.started) {
      return Error(Errc::bad_state, fmt::format("container {} was started anew meanwhile", record.id));
    }
    auto health = TRY(read_health(dir));
    outcome.end = add_result(health, std::move(result), record.spec, command.startup, in_start_period);
    TRY(dir.write_file(k_health_file, dump_json(to_json(health)), Sync::no));
    status = health.status;
    log = tell_destination(core, record, health);
  }
  auto event = container_event("health_status", record);
  event.name = TRY(current_name(core, entry));
  event.health = status;
  event.health_log = std::move(log);
  core.record_event(std::move(event));
  return outcome;
}

Result<Child> start_health_worker(const Core& core, const std::string& id) {
  SpawnOptions options;
  options.program = core.options().own_binary;
  options.argv = {"ctr", std::string(k_health_verb), id};
  options.env = core.helper_env();
  options.cwd = "/";
  return spawn(options);
}

int run_health_worker(Core& core, std::string_view id) {
  const auto parsed = storage::ContainerId::parse(id);
  if (!parsed) return static_cast<int>(runtime::CheckEnd::failed);
  const auto outcome = check_health(core, {*parsed, ""});
  return static_cast<int>(outcome ? outcome->end : runtime::CheckEnd::failed);
}

}  // namespace ctr::engine
