// completion, and the list of commands that tests compare with the manual.
#include "cli/completion.h"

#include "base/file.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/suggest.h"
#include "engine/network_verbs.h"
#include "engine/pods.h"
#include "engine/secret_info.h"
#include "engine/volume_info.h"

namespace ctr::cli {
namespace {

constexpr std::array k_completion_options = {
    value("file", 'f', "FILE", "Write the script to FILE", Complete::files),
    flag("no-desc", 0, "Do not say what commands and options are for"),
};

Result<int> completion(Context& context, const Args& args) {
  const auto descriptions = args.flag("no-desc") ? Descriptions::no : Descriptions::yes;
  const std::string script = TRY(completion_script(args.words().front(), context.program(), descriptions));
  if (args.has("file")) {
    TRY(create_file(args.text("file"), script));
  } else {
    context.output().print(script);
  }
  return 0;
}

bool is_offered(Complete kind, engine::ContainerState state) {
  using engine::ContainerState;
  const bool runs = state == ContainerState::running || state == ContainerState::stopping;
  if (kind == Complete::running) return runs;
  if (kind == Complete::paused) return state == ContainerState::paused;
  return kind != Complete::stopped || state == ContainerState::created || state == ContainerState::exited;
}

Result<std::vector<Suggestion>> names(engine::Engine& engine, Complete kind) {
  std::vector<Suggestion> out;
  if (kind == Complete::images) {
    for (auto& name : TRY(engine.names_of_images())) out.push_back({std::move(name), ""});
  } else if (kind == Complete::networks) {
    for (const auto& network : TRY(engine::network_verbs(engine).list({}))) out.push_back({network.name, ""});
  } else if (kind == Complete::volumes) {
    for (auto& name : TRY(engine.names_of_volumes())) out.push_back({std::move(name), ""});
  } else if (kind == Complete::secrets) {
    for (const auto& secret : TRY(engine.list_secrets({}))) out.push_back({secret.name, ""});
  } else if (kind == Complete::pods) {
    for (const auto& pod : TRY(engine::pod_verbs(engine).list({}))) {
      out.push_back({pod.name, std::string(engine::state_name(pod.state))});
    }
  } else {
    TRY(engine.visit_containers([&](const engine::ContainerInfo& info) -> Result<void> {
      if (is_offered(kind, info.state)) out.push_back({info.name, info.image_name});
      return ok();
    }));
  }
  return out;
}

// A shell has no place for errors: where names cannot be read, none are offered.
Result<int> answer(Context& context, const Args& args, Descriptions descriptions) {
  const FindNames find_names = [&](Complete kind) {
    auto engine = context.engine();
    return engine ? names(**engine, kind).value_or({}) : std::vector<Suggestion>();
  };
  context.output().print(suggestion_lines(suggest(args.words(), find_names), descriptions));
  return 0;
}

Result<int> complete(Context& context, const Args& args) { return answer(context, args, Descriptions::yes); }
Result<int> complete_plain(Context& context, const Args& args) { return answer(context, args, Descriptions::no); }

Result<int> listing(Context& context, const Args&) {
  context.output().print(command_listing());
  return 0;
}

}  // namespace

constexpr Command k_completion_command = {.name = "completion",
                                          .aliases = {},
                                          .usage = "[options] bash|fish|zsh",
                                          .summary = "Print a completion script for a shell",
                                          .options = {group<k_completion_options>},
                                          .least_words = 1,
                                          .most_words = 1,
                                          .complete = Complete::shells,
                                          .run = completion};

constexpr Command k_complete_command = {.name = k_complete_word,
                                        .aliases = {},
                                        .usage = "",
                                        .summary = "Answer a shell that completes a word",
                                        .hidden = true,
                                        .parsed = false,
                                        .run = complete};

constexpr Command k_complete_plain_command = {.name = k_complete_plain_word,
                                              .aliases = {},
                                              .usage = "",
                                              .summary = "Answer a shell without descriptions",
                                              .hidden = true,
                                              .parsed = false,
                                              .run = complete_plain};

constexpr Command k_listing_command = {.name = "__commands",
                                       .aliases = {},
                                       .usage = "",
                                       .summary = "Print the command table",
                                       .hidden = true,
                                       .parsed = false,
                                       .run = listing};

}  // namespace ctr::cli
