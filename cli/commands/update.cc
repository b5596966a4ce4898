// update.
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/spec_args.h"
#include "cli/spec_security.h"
#include "engine/container_verbs.h"

namespace ctr::cli {
namespace {

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
                                      .options = {limit_options},
                                      .least_words = 1,
                                      .most_words = 1,
                                      .complete = Complete::containers,
                                      .run = update};

}  // namespace ctr::cli
