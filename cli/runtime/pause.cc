#include "cli/runtime/common.h"
#include "runtime/container/control.h"

namespace ctr::cli::runtime {
namespace {

Result<int> pause(RuntimeContext& context, const RuntimeArgs& args) {
  const std::string& id = args.words()[0];
  TRY(ctr::runtime::pause_container(TRY(open_root(context, id)), id));
  return 0;
}

Result<int> resume(RuntimeContext& context, const RuntimeArgs& args) {
  const std::string& id = args.words()[0];
  TRY(ctr::runtime::resume_container(TRY(open_root(context, id)), id));
  return 0;
}

}  // namespace

const RuntimeCommand k_runtime_pause = {.name = "pause",
                                        .usage = "CONTAINER",
                                        .summary = "Stop all processes of a container until it is resumed",
                                        .options = {},
                                        .least_words = 1,
                                        .run = pause};

const RuntimeCommand k_runtime_resume = {.name = "resume",
                                         .usage = "CONTAINER",
                                         .summary = "Let the processes of a paused container go on",
                                         .options = {},
                                         .least_words = 1,
                                         .run = resume};

}  // namespace ctr::cli::runtime
