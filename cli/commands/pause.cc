// pause, unpause.
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "engine/container_verbs.h"

namespace ctr::cli {
namespace {

using engine::ContainerInfo;
using engine::Engine;

constexpr std::array k_pause_options = {
    flag("all", 'a', "All running containers"),
    list("cidfile", 0, "FILE", "Read the container's id from FILE", Complete::files)};
constexpr std::array k_unpause_options = {
    flag("all", 'a', "All paused containers"),
    list("cidfile", 0, "FILE", "Read the container's id from FILE", Complete::files)};

Result<int> pause(Context& context, const Args& args) {
  auto wanted = TRY(selection(k_pause_command, args));
  wanted.running_only = wanted.all;
  return for_each_container(context, wanted, Echo::typed, [](Engine& engine, const ContainerInfo& info) {
    return engine::container_verbs(engine).pause(info.id);
  });
}

Result<int> unpause(Context& context, const Args& args) {
  auto wanted = TRY(selection(k_unpause_command, args));
  if (wanted.all) wanted.filters.push_back({"status", "paused"});
  return for_each_container(context, wanted, Echo::typed, [](Engine& engine, const ContainerInfo& info) {
    return engine::container_verbs(engine).unpause(info.id);
  });
}

constexpr std::string_view k_pause_aliases[] = {"container pause"};
constexpr std::string_view k_unpause_aliases[] = {"container unpause"};

}  // namespace

constexpr Command k_pause_command = {.name = "pause",
                                     .aliases = k_pause_aliases,
                                     .usage = "[options] CONTAINER [CONTAINER...]",
                                     .summary = "Stop the processes of containers where they are",
                                     .options = {group<k_pause_options>, filter_options, latest_options},
                                     .complete = Complete::running,
                                     .run = pause};

constexpr Command k_unpause_command = {.name = "unpause",
                                       .aliases = k_unpause_aliases,
                                       .usage = "[options] CONTAINER [CONTAINER...]",
                                       .summary = "Let the processes of paused containers go on",
                                       .options = {group<k_unpause_options>, filter_options, latest_options},
                                       .complete = Complete::paused,
                                       .run = unpause};

}  // namespace ctr::cli
