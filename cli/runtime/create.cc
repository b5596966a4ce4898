#include <array>

#include "base/paths.h"
#include "cli/runtime/common.h"
#include "cli/runtime/log.h"

namespace ctr::cli::runtime {
namespace {

constexpr std::array k_options = {
    value("bundle", 'b', "DIR", "The container's bundle; default: the working directory"),
    value("config", 'f', "FILE", "The configuration, instead of config.json in the bundle"),
    value("pid-file", 0, "FILE", "Write the pid of the container's first process to FILE"),
};

Result<int> create(RuntimeContext& context, const RuntimeArgs& args) {
  const auto root = TRY(ctr::runtime::StateRoot::open_or_make(context.globals.root));
  const auto host = TRY(probe_host(context));
  const ctr::runtime::CreateRequest request{.root = root,
                                            .host = host,
                                            .id = args.words()[0],
                                            .bundle = args.text("bundle", "."),
                                            .config_path = args.text("config"),
                                            .pid_file = args.text("pid-file")};
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
                                         .options = k_options,
                                         .least_words = 1,
                                         .run = create};

}  // namespace ctr::cli::runtime
