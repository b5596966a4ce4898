// What several sub-commands share.
#pragma once

#include <array>
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

// The options `create` and `run` have in common; k_own more behind them.
inline constexpr std::array<OptionSpec, 8> k_creation_options = {
    value("bundle", 'b', "DIR", "The container's bundle; default: the working directory"),
    value("config", 'f', "FILE", "The configuration, instead of config.json in the bundle"),
    value("console-socket", 0, "SOCKET", "Send the master of the terminal to SOCKET"),
    flag("no-new-keyring", 0, "Keep the session key ring of the caller"),
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
