#include "cli/runtime/common.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <regex.h>
#include <unistd.h>

#include <memory>

#include "base/fd.h"
#include "base/parse.h"
#include "base/paths.h"
#include "base/text.h"
#include "cli/runtime/log.h"
#include "runtime/own_binary.h"

namespace ctr::cli::runtime {

// As many as a program after clone can carry: k_max_extra_fds of runtime/child_ops.h.
constexpr size_t k_most_fds = 64;

Result<void> print_result(std::string_view text) { return write_all(STDOUT_FILENO, text, "stdout"); }

Result<ctr::runtime::HostFacts> probe_host(const RuntimeContext& context) {
  return ctr::runtime::probe_runtime_facts(context.environment);
}

Result<ctr::runtime::StateRoot> open_root(const RuntimeContext& context, std::string_view id) {
  TRY(ctr::runtime::check_container_id(id));
  auto root = TRY(ctr::runtime::StateRoot::open(context.globals.root));
  if (!root) return Error(Errc::not_found, fmt::format("container '{}' does not exist", printable(id)));
  return std::move(*root);
}

namespace {

// systemd and its like count the sockets they pass from 3 on (sd_listen_fds(3)); LISTEN_PID names whom they are for,
// who may have started us as a helper.
Result<size_t> count_listening(const Environment& environment) {
  const std::string text = environment_value(environment, "LISTEN_FDS");
  if (text.empty()) return size_t{0};
  return TRY(parse_unsigned(text, "LISTEN_FDS", k_most_fds));
}

Result<std::vector<int>> find_inherited(size_t count) {
  std::vector<int> fds;
  for (size_t i = 0; i < count; ++i) {
    const int fd = 3 + static_cast<int>(i);
    // What we have opened ourselves closes on exec; what the caller meant for the container does not.
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags < 0 || (flags & FD_CLOEXEC) != 0) {
      return Error(Errc::invalid, fmt::format("descriptor {} is to be passed to the container, but is not open", fd));
    }
    fds.push_back(fd);
  }
  return fds;
}

}  // namespace

ctr::runtime::ProgramGuard program_guard(const ctr::runtime::HostFacts& host) {
  return [&host](const ctr::runtime::RuntimeSpec& spec) -> Result<void> {
    return TRY(ctr::runtime::may_overwrite(spec, host)) ? ctr::runtime::run_protected() : ok();
  };
}

Result<PassedDescriptors> passed_descriptors(const RuntimeContext& context, const RuntimeArgs& args) {
  const size_t listening = TRY(count_listening(context.environment));
  const size_t preserved = TRY(args.number("preserve-fds", 0, k_most_fds));
  return PassedDescriptors{.listening = listening, .fds = TRY(find_inherited(listening + preserved))};
}

Result<int> for_matching(const RuntimeContext& context, const std::string& expression,
                         const std::function<Result<void>(const ctr::runtime::StateRoot&, const std::string&)>& act) {
  regex_t compiled;
  const std::string whole = "^(" + expression + ")$";
  if (::regcomp(&compiled, whole.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
    return Error(Errc::invalid, fmt::format("'{}' is not a regular expression", printable(expression)));
  }
  const std::unique_ptr<regex_t, decltype(&::regfree)> owner(&compiled, ::regfree);
  const auto root = TRY(ctr::runtime::StateRoot::open(context.globals.root));
  if (!root) return 0;
  int code = 0;
  for (const std::string& id : TRY(root->list())) {
    if (::regexec(&compiled, id.c_str(), 0, nullptr, 0) != 0) continue;
    if (auto done = act(*root, id); !done) {
      context.log.error(done.error());
      code = 1;
    }
  }
  return code;
}

std::string notify_socket(const RuntimeContext& context) {
  return environment_value(context.environment, "NOTIFY_SOCKET");
}

Result<ctr::runtime::CreateRequest> creation_request(const RuntimeContext& context, const RuntimeArgs& args,
                                                     const ctr::runtime::StateRoot& root,
                                                     const ctr::runtime::HostFacts& host) {
  using Keyring = ctr::runtime::ProcessHabits::Keyring;
  using RootEntry = ctr::runtime::LaunchRequest::RootEntry;
  PassedDescriptors passed = TRY(passed_descriptors(context, args));
  return ctr::runtime::CreateRequest{.root = root,
                                     .host = host,
                                     .id = args.words()[0],
                                     .bundle = args.text("bundle", "."),
                                     .config_path = args.text("config"),
                                     .pid_file = args.text("pid-file"),
                                     .extra_fds = std::move(passed.fds),
                                     .listening_fds = passed.listening,
                                     .console_socket = args.text("console-socket"),
                                     .pidfd_socket = args.text("pidfd-socket"),
                                     .notify_socket = notify_socket(context),
                                     .cgroup_manager = context.globals.cgroup_manager,
                                     .keyring = args.flag("no-new-keyring") ? Keyring::inherited : Keyring::fresh,
                                     .root_entry = args.flag("no-pivot") ? RootEntry::move : RootEntry::pivot,
                                     .guard = program_guard(host)};
}

}  // namespace ctr::cli::runtime
