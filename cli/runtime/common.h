// What several sub-commands share.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/runtime/command.h"
#include "runtime/container/create.h"
#include "runtime/container/state_root.h"
#include "runtime/host_facts.h"

namespace ctr::cli::runtime {

// Prints a result. Errors: io.
Result<void> print_result(std::string_view text);

Result<ctr::runtime::HostFacts> probe_host(const RuntimeContext& context);
// The state directory, which must be there for any container to be. Errors: not_found, naming the container.
Result<ctr::runtime::StateRoot> open_root(const RuntimeContext& context, std::string_view id);

// Does `act` to every container whose whole name matches the POSIX extended regular expression, and tells what fails.
// The exit code is 1 when anything did. Errors: invalid, for the expression.
Result<int> for_matching(const RuntimeContext& context, const std::string& expression,
                         const std::function<Result<void>(const ctr::runtime::StateRoot&, const std::string&)>& act);

// Descriptors 3 and up that are passed on: those that LISTEN_FDS counts, and --preserve-fds more.
struct PassedDescriptors {
  size_t listening = 0;
  std::vector<int> fds;
};
// Errors: invalid, also when one of them is not open.
Result<PassedDescriptors> passed_descriptors(const RuntimeContext& context, const RuntimeArgs& args);

// Sees to it that a container that could overwrite this program finds a copy of it only: this may execute it once more,
// and not return. For requests that start something.
ctr::runtime::ProgramGuard program_guard(const ctr::runtime::HostFacts& host);

// The caller's NOTIFY_SOCKET; empty: none. Source: sd_notify(3).
std::string notify_socket(const RuntimeContext& context);

// The options `create` and `run` have in common; k_own more behind them.
inline constexpr std::array<OptionSpec, 9> k_creation_options = {
    value("bundle", 'b', "DIR", "The container's bundle; default: the working directory"),
    value("config", 'f', "FILE", "The configuration, instead of config.json in the bundle"),
    value("console-socket", 0, "SOCKET", "Send the master of the terminal to SOCKET"),
    flag("no-new-keyring", 0, "Keep the session key ring of the caller"),
    flag("no-pivot", 0, "Move the root to '/' instead of pivoting to it, for hosts that run from a RAM disk"),
    flag("no-subreaper", 0, "Accepted: no process of ctr becomes one"),
    value("pid-file", 0, "FILE", "Write the pid of the container's first process to FILE"),
    value("pidfd-socket", 0, "SOCKET", "Send a pidfd of the container's first process to SOCKET"),
    value("preserve-fds", 0, "N", "Pass N more descriptors, from 3 on, to the program"),
};

// What these options ask for. `root` and `host` must outlive it.
// Errors: invalid, also when a descriptor that is to be passed is not open.
Result<ctr::runtime::CreateRequest> creation_request(const RuntimeContext& context, const RuntimeArgs& args,
                                                     const ctr::runtime::StateRoot& root,
                                                     const ctr::runtime::HostFacts& host);

}  // namespace ctr::cli::runtime
