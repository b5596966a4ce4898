#include <fmt/format.h>

#include "runtime/spec_hooks.h"

namespace ctr::runtime {
namespace {

struct Kind {
  const char* name;
  std::vector<SpecHook> SpecHooks::* hooks;
};
constexpr Kind k_kinds[] = {
    {"prestart", &SpecHooks::prestart},
    {"createRuntime", &SpecHooks::create_runtime},
    {"createContainer", &SpecHooks::create_container},
    {"startContainer", &SpecHooks::start_container},
    {"poststart", &SpecHooks::poststart},
    {"poststop", &SpecHooks::poststop},
};

Json to_json(const SpecHook& hook) {
  Json out = Json::object();
  out.set("path", hook.path);
  if (!hook.args.empty()) out.set("args", Json::strings(hook.args));
  if (!hook.env.empty()) out.set("env", Json::strings(hook.env));
  if (hook.timeout) out.set("timeout", int64_t{hook.timeout->count()});
  return out;
}

Result<SpecHook> hook_from_json(const JsonReader& reader) {
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  SpecHook hook;
  hook.path = TRY(reader.get_string("path"));
  if (!hook.path.starts_with('/') || has_nul(hook.path)) return reader.wrong("path", "an absolute path");
  hook.args = TRY(reader.strings("args"));
  hook.env = TRY(reader.strings("env"));
  for (const std::string& word : hook.args) {
    if (has_nul(word)) return reader.wrong("args", "text without NUL bytes");
  }
  for (const std::string& entry : hook.env) {
    if (has_nul(entry)) return reader.wrong("env", "text without NUL bytes");
  }
  if (const auto timeout = TRY(reader.find_int("timeout"))) {
    // A day is for ever for who waits for a container.
    if (*timeout <= 0 || *timeout > 86'400) return reader.wrong("timeout", "a number of seconds from 1 to 86400");
    hook.timeout = std::chrono::seconds(*timeout);
  }
  return hook;
}

}  // namespace

Json to_json(const SpecHooks& hooks) {
  Json out = Json::object();
  for (const Kind& kind : k_kinds) {
    if ((hooks.*kind.hooks).empty()) continue;
    Json list = Json::array();
    for (const SpecHook& hook : hooks.*kind.hooks) list.push(to_json(hook));
    out.set(kind.name, std::move(list));
  }
  return out;
}

Result<SpecHooks> hooks_from_json(const JsonReader& reader) {
  SpecHooks hooks;
  for (const Kind& kind : k_kinds) {
    for (const JsonReader& element : TRY(reader.elements(kind.name))) {
      (hooks.*kind.hooks).push_back(TRY(hook_from_json(element)));
    }
  }
  return hooks;
}

}  // namespace ctr::runtime
