#include <array>

#include "base/signals.h"
#include "cli/runtime/common.h"
#include "runtime/container/remove.h"

namespace ctr::cli::runtime {
namespace {

constexpr std::array k_options = {
    flag("all", 'a', "Signal all processes of the container"),
};

Result<int> kill(RuntimeContext& context, const RuntimeArgs& args) {
  const std::string& id = args.words()[0];
  const auto root = TRY(open_root(context, id));
  const int number = TRY(parse_signal(args.words().size() > 1 ? args.words()[1] : "TERM"));
  if (args.flag("all")) {
    TRY(ctr::runtime::signal_all(root, id, number, TRY(probe_host(context))));
  } else {
    TRY(ctr::runtime::signal_container(root, id, number));
  }
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
