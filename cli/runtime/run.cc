#include <array>

#include "base/paths.h"
#include "cli/runtime/common.h"
#include "cli/runtime/log.h"
#include "runtime/container/remove.h"

namespace ctr::cli::runtime {
namespace {

constexpr std::array k_options = {
    value("bundle", 'b', "DIR", "The container's bundle; default: the working directory"),
    value("config", 'f', "FILE", "The configuration, instead of config.json in the bundle"),
    flag("detach", 'd', "Return once the program runs"),
    flag("keep", 0, "Keep the container when it has ended"),
    value("pid-file", 0, "FILE", "Write the pid of the container's first process to FILE"),
};

Result<int> run(RuntimeContext& context, const RuntimeArgs& args) {
  const auto root = TRY(ctr::runtime::StateRoot::open_or_make(context.globals.root));
  const auto host = TRY(probe_host(context));
  const ctr::runtime::CreateRequest request{.root = root,
                                            .host = host,
                                            .id = args.words()[0],
                                            .bundle = args.text("bundle", "."),
                                            .config_path = args.text("config"),
                                            .pid_file = args.text("pid-file"),
                                            .start = ctr::runtime::CreateRequest::Start::at_once};
  Child init = TRY([&]() -> Result<Child> {
    auto created = TRY(ctr::runtime::create_container(request));
    for (const std::string& notice : created.launched.notices) context.log.warn(notice);
    return std::move(created.launched.init);
  }());
  if (args.flag("detach")) {
    (void)init.release();
    return 0;
  }
  const ExitStatus status = TRY(init.wait());
  if (!args.flag("keep")) {
    auto removed = ctr::runtime::delete_container(root, request.id, ctr::runtime::Force::yes, host);
    // Somebody else may have deleted it meanwhile.
    if (!removed && removed.error().code() != Errc::not_found) return std::move(removed).error();
  }
  return status.code;
}

}  // namespace

const RuntimeCommand k_runtime_run = {.name = "run",
                                      .usage = "[OPTION]... CONTAINER",
                                      .summary = "Make a container, start it, and delete it when it has ended",
                                      .options = k_options,
                                      .least_words = 1,
                                      .run = run};

}  // namespace ctr::cli::runtime
