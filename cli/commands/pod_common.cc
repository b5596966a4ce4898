#include "cli/commands/pod_common.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands/common.h"
#include "cli/output.h"

namespace ctr::cli {
namespace {

constexpr size_t k_id_file_limit_bytes = 4096;

bool has_option(const Command& command, std::string_view name) { return find_option(command, name) != nullptr; }

Result<std::vector<std::string>> names_of(const Command& command, const Args& args) {
  auto names = args.words();
  if (!has_option(command, "pod-id-file")) return names;
  for (const auto& path : args.list("pod-id-file")) {
    const auto id = TRY(read_file(path, k_id_file_limit_bytes).context("reading pod ID file"));
    names.emplace_back(trim(std::string_view(id).substr(0, id.find('\n'))));
  }
  return names;
}

}  // namespace

Result<PodChoice> choose_pods(Context& context, const Command& command, const Args& args) {
  const auto flag_of = [&](std::string_view name) { return has_option(command, name) && args.flag(name); };
  const bool all = flag_of("all");
  const bool latest = flag_of("latest");
  const auto names = TRY(names_of(command, args));
  if (all && (latest || !names.empty())) return Error(Errc::invalid, "--all and arguments cannot be used together");
  if (latest && !names.empty()) return Error(Errc::invalid, "--latest and pods cannot be used together");
  if (!all && !latest && names.empty()) return Error(Errc::invalid, "you must provide at least one name or id");
  auto& verbs = engine::pod_verbs(*TRY(context.engine()));
  PodChoice choice;
  for (const auto& name : names) {
    auto info = verbs.find(name);
    if (info) {
      choice.pods.push_back({name, std::move(*info)});
    } else if (!flag_of("ignore") || info.error().code() != Errc::not_found) {
      choice.errors.push_back(info.error());
    }
  }
  if (!all && !latest) return choice;
  auto infos = TRY(verbs.list({}));
  if (latest && infos.empty()) return Error(Errc::not_found, "no pods exist: no such pod");
  if (latest) infos.erase(infos.begin(), infos.end() - 1);
  for (auto& info : infos) {
    const auto id = info.id.hex;
    choice.pods.push_back({id, std::move(info)});
  }
  return choice;
}

Result<int> for_each_pod(Context& context, const Command& command, const Args& args, const PodAct& act) {
  const auto choice = TRY(choose_pods(context, command, args));
  auto& verbs = engine::pod_verbs(*TRY(context.engine()));
  auto& output = context.output();
  int code = 0;
  for (const auto& error : choice.errors) {
    code = error.code() == Errc::not_found && command.name == "pod rm" ? 1 : 125;
    output.error(error, code);
  }
  for (const auto& pod : choice.pods) {
    const auto done = act(verbs, pod);
    if (done) {
      if (!done->empty()) output.line(*done);
      continue;
    }
    if (done.error().code() == Errc::interrupted) return done.error();
    code = 125;
    output.error(done.error(), code);
  }
  return code;
}

Result<void> check_members(Context& context, const engine::MemberErrors& errors, std::string_view what) {
  if (errors.empty()) return ok();
  for (const auto& [member, error] : errors) {
    context.output().error(Error(error).context(fmt::format("{} container {}", what, member.id.hex)));
  }
  return Error(Errc::bad_state, fmt::format("{} some containers: some containers failed", what));
}

Result<engine::PodInfo> one_pod(Context& context, const Args& args) {
  auto& verbs = engine::pod_verbs(*TRY(context.engine()));
  if (!args.words().empty()) {
    if (args.flag("latest")) return Error(Errc::invalid, "--latest and pods cannot be used together");
    return verbs.find(args.words().front());
  }
  if (!args.flag("latest")) return Error(Errc::invalid, "you must provide the name or id of a pod");
  auto infos = TRY(verbs.list({}));
  if (infos.empty()) return Error(Errc::not_found, "no pods exist: no such pod");
  return std::move(infos.back());
}

}  // namespace ctr::cli
