#include <algorithm>
#include <array>
#include <optional>

#include "cli/runtime/common.h"
#include "cli/runtime/foreground.h"
#include "cli/runtime/log.h"
#include "runtime/container/remove.h"

namespace ctr::cli::runtime {
namespace {

constexpr std::array<OptionSpec, 2> k_own_options = {
    flag("detach", 'd', "Return once the program runs"),
    flag("keep", 0, "Keep the container when it has ended"),
};
constexpr auto k_options = [] {
  std::array<OptionSpec, k_creation_options.size() + k_own_options.size()> all{};
  std::copy(k_own_options.begin(), k_own_options.end(),
            std::copy(k_creation_options.begin(), k_creation_options.end(), all.begin()));
  return all;
}();

Result<int> run(RuntimeContext& context, const RuntimeArgs& args) {
  const auto root = TRY(ctr::runtime::StateRoot::open_or_make(context.globals.root));
  const auto host = TRY(probe_host(context));
  Warnings warnings(context.log);
  auto request = TRY(creation_request(context, args, root, host));
  request.warnings = &warnings.list;
  request.start = ctr::runtime::CreateRequest::Start::at_once;
  const bool detach = args.flag("detach");
  if (!detach && request.console_socket.empty()) request.terminal = ctr::runtime::CreateRequest::Terminal::caller;
  std::optional<ctr::runtime::Launched> launched;
  std::optional<ctr::runtime::NotifyProxy> notify;
  {
    auto created = TRY(ctr::runtime::create_container(request));
    launched = std::move(created.launched);
    notify = std::move(created.notify);
  }
  for (const std::string& notice : launched->notices) context.log.warn(notice);
  if (detach) {
    const pid_t pid = launched->init.pid();
    const Fd pidfd = launched->init.release();
    if (notify) TRY(notify->wait_ready(pid, pidfd.get(), &warnings.list));
    return 0;
  }
  ctr::runtime::AlsoRead also;
  if (notify) {
    also.fd = notify->fd();
    also.read = [&] { (void)notify->pass_on(launched->init.pid(), &warnings.list); };
  }
  const ExitStatus status = TRY(stay_in_front(*launched, also));
  if (!args.flag("keep")) {
    auto removed = ctr::runtime::delete_container(root, request.id, ctr::runtime::Force::yes, &warnings.list);
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
                                      .run = run,
                                      .starts_programs = true};

}  // namespace ctr::cli::runtime
