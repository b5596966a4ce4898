#include "runtime/container/exec.h"

#include <fmt/format.h>

#include <array>

#include "base/parse.h"
#include "base/text.h"
#include "cli/runtime/common.h"
#include "cli/runtime/foreground.h"
#include "cli/runtime/log.h"

namespace ctr::cli::runtime {
namespace {

constexpr std::array k_options = {
    value("additional-gids", 'g', "GID", "One more group; may be repeated, or a list with commas"),
    value("apparmor", 0, "PROFILE", "Run under an AppArmor profile"),
    value("cap", 'c', "CAPABILITY", "One more capability; may be repeated, or a list with commas"),
    value("cgroup", 0, "PATH", "Run in this cgroup below the container's; '/' is that itself"),
    value("console-socket", 0, "SOCKET", "Send the master of the terminal to SOCKET"),
    value("cwd", 0, "DIR", "The working directory"),
    flag("detach", 'd', "Return once the program runs"),
    value("env", 'e', "NAME=VALUE", "Set an environment variable; may be repeated"),
    flag("ignore-paused", 0, "Execute in a paused container as well: the program waits"),
    flag("no-new-privs", 0, "Set no_new_privs"),
    flag("no-subreaper", 0, "Accepted: no process of ctr becomes one"),
    value("pid-file", 0, "FILE", "Write the pid of the process to FILE"),
    value("preserve-fds", 0, "N", "Pass N more descriptors, from 3 on, to the program"),
    value("process", 'p', "FILE", "The process object to run; excludes options that change the process"),
    value("process-label", 0, "LABEL", "Run under an SELinux label"),
    flag("tty", 't', "Give the program a terminal"),
    value("user", 'u', "UID[:GID]", "The user"),
};

// What an option that may be repeated and may list says altogether.
std::vector<std::string> listed(const RuntimeArgs& args, std::string_view option) {
  std::vector<std::string> out;
  for (const std::string& given : args.list(option)) {
    for (const std::string& word : split(given, ',')) out.push_back(word);
  }
  return out;
}

Result<ctr::runtime::ExecWords> read_words(const RuntimeArgs& args) {
  ctr::runtime::ExecWords words;
  words.args.assign(args.words().begin() + 1, args.words().end());
  words.terminal = args.flag("tty");
  words.env = args.list("env");
  if (args.has("user")) words.user = TRY(ctr::runtime::parse_numeric_user(args.text("user")));
  for (const std::string& text : listed(args, "additional-gids")) {
    words.additional_gids.push_back(static_cast<uint32_t>(TRY(parse_unsigned(text, "group", UINT32_MAX - 1))));
  }
  words.cwd = args.text("cwd");
  words.apparmor_profile = args.text("apparmor");
  words.selinux_label = args.text("process-label");
  words.capabilities = listed(args, "cap");
  words.no_new_privileges = args.flag("no-new-privs");
  return words;
}

Result<void> check_words(const RuntimeArgs& args) {
  if (!args.has("process")) {
    if (args.words().size() > 1) return ok();
    return Error(Errc::invalid, "'exec' needs a command, or --process");
  }
  if (args.words().size() > 1) return Error(Errc::invalid, "--process and a command exclude each other");
  for (const char* option :
       {"additional-gids", "apparmor", "cap", "cwd", "env", "no-new-privs", "process-label", "user"}) {
    if (args.has(option)) return Error(Errc::invalid, fmt::format("--process and --{} exclude each other", option));
  }
  return ok();
}

Result<int> execute(RuntimeContext& context, const RuntimeArgs& args) {
  using Terminal = ctr::runtime::CreateRequest::Terminal;
  TRY(check_words(args));
  const std::string& id = args.words()[0];
  const auto root = TRY(open_root(context, id));
  const auto host = TRY(probe_host(context));
  PassedDescriptors passed = TRY(passed_descriptors(context, args));
  const bool detach = args.flag("detach");
  const ctr::runtime::ContainerExecRequest request{
      .root = root,
      .host = host,
      .id = id,
      .process_file = args.text("process"),
      .words = TRY(read_words(args)),
      .pid_file = args.text("pid-file"),
      .extra_fds = std::move(passed.fds),
      .listening_fds = passed.listening,
      .console_socket = args.text("console-socket"),
      .terminal = detach || args.has("console-socket") ? Terminal::socket : Terminal::caller,
      .cgroup = args.text("cgroup"),
      .ignore_paused = args.flag("ignore-paused"),
      .guard = program_guard(host)};
  auto launched = TRY(ctr::runtime::exec_container(request));
  for (const std::string& notice : launched.notices) context.log.warn(notice);
  if (detach) {
    (void)launched.init.release();
    return 0;
  }
  return TRY(stay_in_front(launched, {})).code;
}

}  // namespace

const RuntimeCommand k_runtime_exec = {.name = "exec",
                                       .usage = "[OPTION]... CONTAINER [COMMAND [ARG]...]",
                                       .summary = "Run one more program in a container",
                                       .options = k_options,
                                       .least_words = 1,
                                       .most_words = RuntimeCommand::k_any_words,
                                       .trailing = Trailing::command,
                                       .run = execute,
                                       .failure_code = 255,
                                       .starts_programs = true};

}  // namespace ctr::cli::runtime
