// runtime: what stands in the table for it. The words behind it are not podman's dialect and are taken by
// cli/runtime/main.cc, before this is asked.
#include "cli/commands/all.h"

namespace ctr::cli {
namespace {

Result<int> runtime(Context& context, const Args&) {
  return usage_error(context.program(), k_runtime_command,
                     Error(Errc::invalid, "options of ctr do not stand before 'runtime'"));
}

}  // namespace

constexpr Command k_runtime_command = {
    .name = "runtime",
    .aliases = {},
    .usage = "[options] COMMAND [options] [CONTAINER]",
    .summary = "Run containers from OCI bundles, with the command line of crun and runc",
    .positionals = Positionals::end_options,
    .run = runtime};

}  // namespace ctr::cli
