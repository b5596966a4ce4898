#include "runtime/container/hooks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "base/child.h"
#include "base/text.h"

namespace ctr::runtime {
namespace {

// A hook without a timeout may take as long as it likes; this is what the clock can hold.
constexpr std::chrono::hours k_no_timeout{24 * 365};

Error hook_error(std::string_view kind, size_t index, std::string_view reason) {
  return Error(Errc::io, fmt::format("error running {} hook #{}: {}", kind, index + 1, reason));
}

Result<void> run_hook(const SpecHook& hook, size_t index, const HookCall& call) {
  const std::string_view kind = call.kind;
  SpawnOptions options{.program = hook.path, .argv = hook.args, .env = hook.env, .fds = {}, .cwd = call.bundle};
  if (call.output.out.valid()) options.fds.emplace_back(call.output.out.get(), STDOUT_FILENO);
  if (call.output.err.valid()) options.fds.emplace_back(call.output.err.get(), STDERR_FILENO);
  if (options.argv.empty()) options.argv = {hook.path};
  const std::chrono::milliseconds timeout = hook.timeout ? std::chrono::milliseconds(*hook.timeout) : k_no_timeout;
  auto run = run_program(std::move(options), call.state, timeout);
  if (!run && run.error().code() == Errc::timed_out) {
    return hook_error(kind, index, fmt::format("hook ran past specified timeout of {} s", hook.timeout->count()));
  }
  if (!run) return hook_error(kind, index, run.error().text());
  const ExitStatus& status = run->status;
  if (status.code == 0) return ok();
  std::string reason =
      status.signal != 0 ? fmt::format("signal {}", status.signal) : fmt::format("exit status {}", status.code);
  for (const std::string* words : {&run->out, &run->err}) {
    if (const auto text = trim(*words); !text.empty()) reason += fmt::format(": {}", printable(text));
  }
  return hook_error(kind, index, reason);
}

// No process has it: PID_MAX_LIMIT of linux/threads.h.
constexpr int64_t k_no_pid = 4'194'305;

Json state_of(const ContainerRecord& record, ContainerStatus status, int64_t pid) {
  Json out = Json::object();
  out.set("ociVersion", record.oci_version).set("id", record.id).set("status", status_name(status));
  if (pid != 0) out.set("pid", pid);
  out.set("bundle", record.bundle).set("annotations", Json::string_map(record.annotations));
  return out;
}

}  // namespace

Result<void> run_hooks(const std::vector<SpecHook>& hooks, const HookCall& call) {
  for (size_t i = 0; i < hooks.size(); ++i) TRY(run_hook(hooks[i], i, call));
  return ok();
}

std::vector<std::string> run_all_hooks(const std::vector<SpecHook>& hooks, const HookCall& call) {
  std::vector<std::string> failures;
  for (size_t i = 0; i < hooks.size(); ++i) {
    if (auto run = run_hook(hooks[i], i, call); !run) failures.push_back(run.error().text());
  }
  return failures;
}

std::string hook_state(const ContainerRecord& record, ContainerStatus status) {
  const bool has_process = status != ContainerStatus::stopped && record.init.has_value();
  return dump_json(state_of(record, status, has_process ? int64_t{record.init->pid} : 0));
}

HookState split_hook_state(const ContainerRecord& record, ContainerStatus status) {
  const std::string text = dump_json(state_of(record, status, k_no_pid));
  // Quotes inside of texts are escaped, so that this is the member and nothing else.
  const std::string member = fmt::format("\"pid\":{}", k_no_pid);
  const size_t end = text.find(member) + member.size();
  const size_t begin = end - std::to_string(k_no_pid).size();
  return {.before_pid = text.substr(0, begin), .behind_pid = text.substr(end), .directory = {}};
}

}  // namespace ctr::runtime
