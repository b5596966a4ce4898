// update.
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/spec_security.h"
#include "engine/container_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    value("cpu-period", 0, "MICROSECONDS", "Length of the period that --cpu-quota is for"),
    value("cpu-quota", 0, "MICROSECONDS", "CPU time in one period"),
    value("cpu-shares", 'c', "N", "Relative weight of CPU time"),
    value("cpus", 0, "N", "Number of CPUs, also a fraction"),
    value("cpuset-cpus", 0, "LIST", "CPUs the container may use"),
    value("cpuset-mems", 0, "LIST", "Memory nodes the container may use"),
    value("memory", 'm', "SIZE", "Memory limit"),
    value("memory-reservation", 0, "SIZE", "Memory that is kept when the host runs short"),
    value("memory-swap", 0, "SIZE", "Limit of memory and swap together; -1 for no limit"),
    value("pids-limit", 0, "N", "Number of processes; -1 for no limit"),
};

Result<int> update(Context& context, const Args& args) {
  const auto changes = TRY(parse_limits(args));
  auto* engine = TRY(context.engine());
  const auto info = TRY(engine->find_container(args.words()[0]));
  TRY(engine::container_verbs(*engine).update(info.id, changes));
  context.output().line(info.id.hex);
  return 0;
}

constexpr std::string_view k_aliases[] = {"container update"};

}  // namespace

constexpr Command k_update_command = {.name = "update",
                                      .aliases = k_aliases,
                                      .usage = "[options] CONTAINER",
                                      .summary = "Change the limits of a container",
                                      .options = {group<k_options>},
                                      .least_words = 1,
                                      .most_words = 1,
                                      .complete = Complete::containers,
                                      .run = update};

}  // namespace ctr::cli
