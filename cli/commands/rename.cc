// rename.
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "engine/container_verbs.h"

namespace ctr::cli {
namespace {

Result<int> rename(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const auto info = TRY(engine->find_container(args.words()[0]));
  TRY(engine::container_verbs(*engine).rename(info.id, args.words()[1]));
  return 0;
}

constexpr std::string_view k_rename_aliases[] = {"container rename"};

}  // namespace

constexpr Command k_rename_command = {.name = "rename",
                                      .aliases = k_rename_aliases,
                                      .usage = "CONTAINER NAME",
                                      .summary = "Give a container another name",
                                      .least_words = 2,
                                      .most_words = 2,
                                      .complete = Complete::containers,
                                      .run = rename};

}  // namespace ctr::cli
