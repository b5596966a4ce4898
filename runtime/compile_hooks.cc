// Hooks that run inside the container, as steps of its first process.
#include <fmt/format.h>

#include "runtime/compile_parts.h"

namespace ctr::runtime {
namespace {

// The array that run_hook reads: see child_ops.h.
uint32_t place_words(const SpecHook& hook, ProgramBuilder* out) {
  std::vector<uint32_t> places = {out->text(hook.path)};
  const auto add_list = [&](const std::vector<std::string>& list) {
    places.push_back(static_cast<uint32_t>(list.size()));
    for (const std::string& word : list) places.push_back(out->text(word));
  };
  add_list(hook.args.empty() ? std::vector<std::string>{hook.path} : hook.args);
  add_list(hook.env);
  return out->bytes(std::string(reinterpret_cast<const char*>(places.data()), places.size() * sizeof(uint32_t)));
}

uint32_t place_state(const HookState& state, const std::string& directory, ProgramBuilder* out) {
  const uint32_t place = out->text(state.before_pid);
  out->text(state.behind_pid);
  out->text(directory);
  return place;
}

}  // namespace

Result<void> emit_hooks(const CompileInput& input, const std::vector<SpecHook>& hooks, std::string_view kind,
                        const std::string& directory, ProgramBuilder* out) {
  for (size_t i = 0; i < hooks.size(); ++i) {
    const SpecHook& hook = hooks[i];
    if (hook.args.size() > k_max_hook_words || hook.env.size() > k_max_hook_words) {
      return Error(Errc::unsupported, fmt::format("config.json: hooks.{}[{}] has more than {} arguments or variables",
                                                  kind, i, k_max_hook_words));
    }
    out->act(fmt::format("running {} hook #{}", kind, i + 1));
    const uint32_t words = place_words(hook, out);
    const uint64_t timeout = hook.timeout ? static_cast<uint64_t>(hook.timeout->count()) * 1000 : 0;
    const int16_t first = k_register_hook_output;
    out->add({.kind = ChildOpKind::run_hook,
              .a = input.options.hook_stdout ? first : int16_t{-1},
              .b = input.options.hook_stderr ? static_cast<int16_t>(first + 1) : int16_t{-1},
              .text = words,
              .more = place_state(input.options.hook_state, directory, out),
              .x = timeout});
  }
  return ok();
}

void emit_wait_hooks(const CompileInput& input, ProgramBuilder* out) {
  const SpecHooks& hooks = input.spec.hooks;
  if (hooks.prestart.empty() && hooks.create_runtime.empty()) return;
  out->act("wait for the runtime's hooks");
  out->add({.kind = ChildOpKind::report_ready});
  out->add({.kind = ChildOpKind::wait_go});
  out->program().waits_for_hooks = true;
}

}  // namespace ctr::runtime
