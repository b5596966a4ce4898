#include <array>

#include "base/signals.h"
#include "cli/runtime/common.h"
#include "runtime/container/remove.h"

namespace ctr::cli::runtime {
namespace {

constexpr std::array k_options = {
    flag("all", 'a', "Signal all processes of the container"),
    flag("regex", 'r', "CONTAINER is a regular expression that a whole name must match"),
};

Result<int> kill(RuntimeContext& context, const RuntimeArgs& args) {
  const int number = TRY(parse_signal(args.words().size() > 1 ? args.words()[1] : "TERM"));
  const auto signal = [&](const ctr::runtime::StateRoot& root, const std::string& id) -> Result<void> {
    if (!args.flag("all")) return ctr::runtime::signal_container(root, id, number);
    return ctr::runtime::signal_all(root, id, number);
  };
  if (args.flag("regex")) return for_matching(context, args.words()[0], signal);
  const std::string& id = args.words()[0];
  TRY(signal(TRY(open_root(context, id)), id));
  return 0;
}

}  // namespace

const RuntimeCommand k_runtime_kill = {.name = "kill",
                                       .usage = "[OPTION]... CONTAINER [SIGNAL]",
                                       .summary = "Send a signal, SIGTERM if none is named, to a container",
                                       .options = k_options,
                                       .least_words = 1,
                                       .most_words = 2,
                                       .run = kill};

}  // namespace ctr::cli::runtime
