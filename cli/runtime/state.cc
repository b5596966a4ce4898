#include "base/json.h"
#include "cli/runtime/common.h"
#include "runtime/container/status.h"

namespace ctr::cli::runtime {
namespace {

Result<int> state(RuntimeContext& context, const RuntimeArgs& args) {
  const std::string& id = args.words()[0];
  const auto root = TRY(open_root(context, id));
  const Dir dir = TRY(root.find(id));
  const auto record = TRY(ctr::runtime::read_record(dir));
  const auto view = TRY(ctr::runtime::view_container(dir, record));
  TRY(print_result(dump_json(ctr::runtime::state_json(record, view.status), {.indent = 2}) + "\n"));
  return 0;
}

}  // namespace

const RuntimeCommand k_runtime_state = {.name = "state",
                                        .usage = "CONTAINER",
                                        .summary = "Print the state of a container as JSON",
                                        .options = {},
                                        .least_words = 1,
                                        .run = state};

}  // namespace ctr::cli::runtime
