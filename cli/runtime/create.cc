#include "cli/runtime/common.h"
#include "cli/runtime/log.h"

namespace ctr::cli::runtime {
namespace {

Result<int> create(RuntimeContext& context, const RuntimeArgs& args) {
  const auto root = TRY(ctr::runtime::StateRoot::open_or_make(context.globals.root));
  const auto host = TRY(probe_host(context));
  Warnings warnings(context.log);
  auto request = TRY(creation_request(context, args, root, host));
  request.warnings = &warnings.list;
  auto created = TRY(ctr::runtime::create_container(request));
  for (const std::string& notice : created.launched.notices) context.log.warn(notice);
  // It outlives us: who started us, or the system's first process, waits for it.
  (void)created.launched.init.release();
  return 0;
}

}  // namespace

const RuntimeCommand k_runtime_create = {.name = "create",
                                         .usage = "[OPTION]... CONTAINER",
                                         .summary = "Make a container that waits to be started",
                                         .options = k_creation_options,
                                         .least_words = 1,
                                         .run = create,
                                         .starts_programs = true};

}  // namespace ctr::cli::runtime
