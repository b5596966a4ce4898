#include "runtime/container/start.h"

#include "cli/runtime/common.h"
#include "cli/runtime/log.h"

namespace ctr::cli::runtime {
namespace {

Result<int> start(RuntimeContext& context, const RuntimeArgs& args) {
  const std::string& id = args.words()[0];
  const auto root = TRY(open_root(context, id));
  Warnings warnings(context.log);
  TRY(ctr::runtime::start_container(root, id, notify_socket(context), &warnings.list));
  return 0;
}

}  // namespace

const RuntimeCommand k_runtime_start = {.name = "start",
                                        .usage = "CONTAINER",
                                        .summary = "Start the program of a created container",
                                        .options = {},
                                        .least_words = 1,
                                        .run = start};

}  // namespace ctr::cli::runtime
