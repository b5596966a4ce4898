// The composition root: signals, environment, engine, then the command.
#include "cli/runtime/main.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "base/cancel.h"
#include "base/memory.h"
#include "base/paths.h"
#include "base/standard_fds.h"
#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/dispatch.h"
#include "cli/output.h"
#include "cli/version.h"
#include "engine/engine.h"
#include "engine/own_program.h"
#include "engine/storage_config.h"
#include "engine/worker.h"

extern char** environ;

namespace ctr::cli {
namespace {

// What ctr was called: the last part of argv[0] ("ctr", "docker").
std::string program_name(const std::vector<std::string>& argv) {
  if (argv.empty() || argv[0].empty()) return "ctr";
  return argv[0].substr(argv[0].rfind('/') + 1);
}

class Session final : public Context {
 public:
  Session(std::vector<std::string> argv, Environment environment, CancelToken cancel, Output& output)
      : argv_(std::move(argv)),
        program_(program_name(argv_)),
        environment_(std::move(environment)),
        cancel_(cancel),
        output_(output) {}

  void set_globals(const GlobalOptions& global) { global_ = global; }

  Result<engine::Engine*> engine() override {
    if (!engine_) engine_ = TRY(engine::Engine::open(TRY(engine_options())));
    return engine_.get();
  }
  Output& output() override { return output_; }
  const Environment& environment() const override { return environment_; }
  const CancelToken& cancel() const override { return cancel_; }
  const std::string& program() const override { return program_; }
  const std::vector<std::string>& command_line() const override { return argv_; }
  std::vector<std::string> global_words() const override { return cli::global_words(global_); }

  Result<engine::EngineOptions> engine_options() const {
    engine::EngineOptions options;
    options.environment = environment_;
    // ctr-transfer gets this environment and writes its warnings the same way.
    options.environment["CTR_ERROR_FORMAT"] = output_.format() == Output::Format::json ? "json" : "text";
    options.uid = ::getuid();
    options.gid = ::getgid();
    options.paths = TRY(find_user_paths(environment_, options.uid));
    options.log = &output_;
    options.storage = global_.storage;
    TRY(engine::configure_storage(options));
    if (!global_.events_backend.empty()) options.environment["CTR_EVENTS_BACKEND"] = global_.events_backend;
    if (!global_.root.empty()) options.paths.store = TRY(absolute_path(global_.root));
    if (!global_.runroot.empty()) options.paths.run = TRY(absolute_path(global_.runroot));
    options.cgroup_manager = global_.cgroup_manager;
    options.cancel = cancel_;
    options.own_binary = TRY(engine::installed_program());
    options.version = k_version;
    options.debug = global_.debug;
    // As in podman a script is never asked: a person has both.
    if (is_terminal(STDIN_FILENO) && is_terminal(STDOUT_FILENO)) options.ask_fd = STDIN_FILENO;
    return options;
  }

 private:
  std::vector<std::string> argv_;
  std::string program_;
  Environment environment_;
  CancelToken cancel_;
  Output& output_;
  GlobalOptions global_;
  std::unique_ptr<engine::Engine> engine_;
};

// 128 + the signal that asked to stop, as a shell shows it.
std::optional<int> code_of_signal(const Fd& signal_fd) {
  signalfd_siginfo info{};
  const ssize_t size = ::read(signal_fd.get(), &info, sizeof info);
  return size == static_cast<ssize_t>(sizeof info) ? std::optional(128 + static_cast<int>(info.ssi_signo))
                                                   : std::nullopt;
}

int fail(Output& output, const Error& error) {
  output.error(error);
  return 125;
}

// What any command takes of both, and one that starts a container.
constexpr size_t k_heap_bytes = size_t{64} << 10;
constexpr size_t k_stack_bytes = size_t{16} << 10;
constexpr size_t k_launch_heap_bytes = size_t{192} << 10;
constexpr size_t k_launch_stack_bytes = size_t{56} << 10;

int run(std::vector<std::string> argv) {
  prefault_heap(k_heap_bytes);
  prefault_stack(k_stack_bytes);
  Output output;
  const std::vector<std::string> words(argv.begin() + (argv.empty() ? 0 : 1), argv.end());
  auto environment = read_environment(environ);
  auto line = parse_command_line(program_name(argv), words);
  const auto json = wants_json_errors(line ? line->global.error_format : asked_error_format(words), environment);
  if (json && *json) output.set_format(Output::Format::json);
  if (!line) return fail(output, line.error());
  if (!json) return fail(output, json.error());
  output.set_debug(line->global.debug ? Output::Debug::yes : Output::Debug::no);
  if (line->command != nullptr && line->command->enters_containers) {
    if (auto safe = engine::protect_program(); !safe) return fail(output, safe.error());
    prefault_heap(k_launch_heap_bytes);
    prefault_stack(k_launch_stack_bytes);
  }
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  auto signal_fd = make_signal_fd(signals);
  if (!signal_fd) return fail(output, signal_fd.error());
  // Never destroyed: the process ends, and to give memory back piece by piece is to touch all of it once more.
  auto& session =
      *std::make_unique<Session>(argv, std::move(environment), CancelToken(signal_fd->get()), output).release();
  session.set_globals(line->global);
  const int code = run_command_line(session, *line);
  return code == k_interrupted_code ? code_of_signal(*signal_fd).value_or(code) : code;
}

}  // namespace
}  // namespace ctr::cli

int main(int argc, char** argv) {
  if (!ctr::open_missing_standard_fds()) ::_exit(125);
  // Before a descriptor is opened: the caller's from 3 on may be meant for the container.
  ctr::engine::take_over_program();
  const std::string_view name = argc > 0 ? argv[0] : "";
  // Below, _exit(): nothing is buffered any more, and the destructors of the libraries' objects would bring in memory
  // that nobody has used.
  if (ctr::cli::runtime::is_runtime_name(name)) {
    ::_exit(ctr::cli::runtime::run_runtime(std::string(name.substr(name.rfind('/') + 1)), {argv + 1, argv + argc},
                                           environ));
  }
  if (argc > 1 && argv[1] == ctr::cli::k_runtime_command.name) {
    ::_exit(ctr::cli::runtime::run_runtime("ctr runtime", {argv + 2, argv + argc}, environ));
  }
  // One of our own processes comes first: the monitor's memory counts, and it sets up its signals itself.
  if (argc > 1) {
    if (const auto code = ctr::engine::run_worker(argv[1], argc > 2 ? argv[2] : "", environ)) return *code;
  }
  ::_exit(ctr::cli::run({argv, argv + argc}));
}
