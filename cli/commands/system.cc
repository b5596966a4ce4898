// info, version, doctor, unshare, system reset.
#include <fmt/format.h>

#include "base/oci/platform.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/inspect_view.h"
#include "cli/output.h"
#include "cli/version.h"
#include "cli/yaml.h"

namespace ctr::cli {
namespace {

constexpr std::array k_format_options = {value("format", 'f', "FORMAT", "json, yaml, or a Go template")};
constexpr std::array k_reset_options = {flag("force", 'f', "Do not ask")};
constexpr std::array k_doctor_options = {value("format", 0, "FORMAT", "json")};

// One document through a template: the template sees the document itself, not a list.
Result<std::string> print_one(const Listing& listing, const Json& document, std::string_view format) {
  Json list = Json::array();
  list.push(document);
  return print_format(listing, format, list, Heading::no);
}

Result<int> info(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const Json document = TRY(engine->info());
  const std::string format = args.text("format");
  if (format.empty() || format == "yaml") {
    context.output().print(to_yaml(document));
  } else if (is_json_format(format)) {
    context.output().print(pretty(document, 2));
  } else {
    context.output().print(TRY(print_one(info_listing(), document, format)));
  }
  return 0;
}

Result<int> version(Context& context, const Args& args) {
  const auto platform = oci::host_platform();
  const std::string os_arch = platform.os + "/" + platform.architecture;
  Json client = Json::object();
  client.set("APIVersion", std::string(k_version))
      .set("Version", std::string(k_version))
      .set("GoVersion", "")
      .set("GitCommit", "")
      .set("BuiltTime", "")
      .set("Built", 0)
      .set("BuildOrigin", "")
      .set("OsArch", os_arch)
      .set("Os", platform.os);
  Json document = Json::object();
  document.set("Client", client);
  const std::string format = args.text("format");
  Output& output = context.output();
  if (format.empty()) {
    output.print(fmt::format("Client:       ctr\nVersion:      {}\nAPI Version:  {}\nOS/Arch:      {}\n", k_version,
                             k_version, os_arch));
  } else if (is_json_format(format)) {
    output.line(dump_json(document));
  } else if (format == "yaml") {
    output.print(to_yaml(document));
  } else {
    // Source: podman, whose server is the client itself where there is no other.
    document.set("Server", client);
    output.print(TRY(print_one(version_listing(), document, format)));
  }
  return 0;
}

Json to_json(const engine::Check& check) {
  static constexpr std::array<std::string_view, 3> k_states = {"good", "warning", "failed"};
  Json out = Json::object();
  out.set("Name", check.name)
      .set("State", k_states[static_cast<size_t>(check.state)])
      .set("Detail", check.detail)
      .set("Fix", check.fix)
      .set("BlocksRun", check.blocks_run);
  return out;
}

Result<int> doctor(Context& context, const Args& args) {
  using State = engine::Check::State;
  auto* engine = TRY(context.engine());
  const auto checks = TRY(engine->doctor());
  bool blocked = false;
  Json list = Json::array();
  for (const auto& check : checks) {
    blocked = blocked || (check.state == State::failed && check.blocks_run);
    list.push(to_json(check));
  }
  Output& output = context.output();
  const std::string format = args.text("format");
  if (!format.empty() && !is_json_format(format)) return Error(Errc::invalid, "--format must be json");
  if (!format.empty()) {
    output.print(pretty(list, 2));
    return blocked ? 1 : 0;
  }
  size_t width = 0;
  for (const auto& check : checks) width = std::max(width, check.name.size());
  for (const auto& check : checks) {
    const std::string_view mark = check.state == State::good      ? "ok"
                                  : check.state == State::warning ? "warning"
                                                                  : "FAILED";
    output.line(fmt::format("{:8} {:{}}  {}", mark, check.name, width, printable(check.detail, 4096)));
    if (check.state != State::good && !check.fix.empty()) {
      output.line(fmt::format("{:8} {:{}}  fix: {}", "", "", width, printable(check.fix, 4096)));
    }
  }
  if (blocked) output.line("\nctr run cannot work here until what FAILED is fixed.");
  return blocked ? 1 : 0;
}

Result<int> unshare(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  std::vector<std::string> argv = args.words();
  if (argv.empty()) {
    const std::string shell = environment_value(context.environment(), "SHELL");
    argv.push_back(shell.empty() ? "/bin/sh" : shell);
  }
  return engine->unshare(argv);
}

Result<int> reset(Context& context, const Args& args) {
  const std::string_view warning =
      "WARNING! This will remove all containers, images, volumes and networks of this user, with the whole store.";
  if (!args.flag("force") && !TRY(confirm(context, warning))) return 0;
  auto* engine = TRY(context.engine());
  TRY(engine->reset());
  return 0;
}

constexpr std::string_view k_info_aliases[] = {"system info"};

}  // namespace

constexpr Command k_info_command = {.name = "info",
                                    .aliases = k_info_aliases,
                                    .usage = "[options]",
                                    .summary = "Describe the host, the store and the configuration",
                                    .options = {group<k_format_options>},
                                    .most_words = 0,
                                    .run = info};

constexpr Command k_version_command = {.name = "version",
                                       .aliases = {},
                                       .usage = "[options]",
                                       .summary = "Print the version",
                                       .options = {group<k_format_options>},
                                       .most_words = 0,
                                       .run = version};

constexpr Command k_doctor_command = {.name = "doctor",
                                      .aliases = {},
                                      .usage = "[options]",
                                      .summary = "Check whether this host can run containers, and say what to fix",
                                      .options = {group<k_doctor_options>},
                                      .most_words = 0,
                                      .run = doctor};

constexpr Command k_unshare_command = {.name = "unshare",
                                       .aliases = {},
                                       .usage = "[COMMAND [ARG...]]",
                                       .summary = "Run a command in the user namespace of the containers",
                                       .positionals = Positionals::end_options,
                                       .run = unshare};

constexpr Command k_system_reset_command = {.name = "system reset",
                                            .aliases = {},
                                            .usage = "[options]",
                                            .summary = "Remove all containers, images and volumes",
                                            .options = {group<k_reset_options>},
                                            .most_words = 0,
                                            .run = reset};

}  // namespace ctr::cli
