// secret create, exists, inspect, ls and rm.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/wait.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/inspect_view.h"
#include "cli/output.h"
#include "cli/secret_view.h"

namespace ctr::cli {
namespace {

using engine::SecretInfo;

constexpr std::array k_create_options = {
    value("driver", 'd', "DRIVER", "Only file is supported"),
    list("driver-opts", 0, "KEY=VALUE", "Option of the driver, kept with the secret"),
    flag("env", 0, "The second word names an environment variable"),
    flag("ignore", 0, "A secret that exists already is no error"),
    list("label", 'l', "KEY=VALUE", "Label of the secret"),
    flag("replace", 0, "Replace a secret that exists already"),
};
constexpr std::array k_ls_options = {
    value("format", 0, "FORMAT", "json, or a Go template; with \"table \" in front it has headings"),
    flag("noheading", 'n', "No headings"),
    flag("quiet", 'q', "Only ids"),
};
constexpr std::array k_inspect_options = {
    value("format", 'f', "FORMAT", "json, or a Go template that is printed for each secret"),
    flag("pretty", 0, "Print for people"),
    flag("showsecret", 0, "Print the secret itself, too"),
};
constexpr std::array k_rm_options = {
    flag("all", 'a', "All secrets"),
    flag("ignore", 'i', "A secret that does not exist is no error"),
};

// More than any secret may have: the store says so.
constexpr size_t k_enough_bytes = size_t{1} << 20;

// Reads to the end, from pipes as fast as they are filled; an interrupt ends the waiting.
Result<std::string> read_data(Context& context, int fd, const std::string& what) {
  std::string data;
  std::array<char, 65536> chunk;
  while (data.size() < k_enough_bytes) {
    TRY(wait_for(fd, POLLIN, context.cancel(), {}));
    const ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return Error::from_errno("read " + what);
    if (count == 0) break;
    data.append(chunk.data(), static_cast<size_t>(count));
  }
  return data;
}

Result<std::string> secret_data(Context& context, const Args& args) {
  const std::string& source = args.words()[1];
  if (args.flag("env")) {
    const auto found = context.environment().find(source);
    if (found != context.environment().end() && !found->second.empty()) return found->second;
    return Error(Errc::invalid,
                 fmt::format("cannot create store secret data: environment variable {} is not set", printable(source)));
  }
  if (source == "-" || source == "/dev/stdin") {
    if (is_terminal(STDIN_FILENO)) return Error(Errc::invalid, "if `-` is used, data must be passed into stdin");
    return read_data(context, STDIN_FILENO, "stdin");
  }
  // O_NONBLOCK: opening a FIFO without a writer must not hang where no interrupt reaches it.
  const Fd file = TRY(open_path(source, O_RDONLY | O_NONBLOCK));
  return read_data(context, file.get(), "'" + source + "'");
}

Result<int> create(Context& context, const Args& args) {
  engine::SecretOptions options;
  options.name = args.words()[0];
  options.driver = args.text("driver");
  options.driver_options = TRY(key_values(args.list("driver-opts"), "driver option"));
  options.labels = TRY(key_values(args.list("label"), "label"));
  const bool ignore = args.flag("ignore");
  const bool replace = args.flag("replace");
  if (ignore && replace) return Error(Errc::invalid, "--ignore and --replace cannot be used together");
  using IfExists = engine::SecretOptions::IfExists;
  options.if_exists = ignore ? IfExists::keep : replace ? IfExists::replace : IfExists::refuse;
  const std::string data = TRY(secret_data(context, args));
  auto* engine = TRY(context.engine());
  context.output().line(TRY(engine->create_secret(options, data)));
  return 0;
}

Result<int> ls(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const auto secrets = TRY(engine->list_secrets(TRY(parse_filters(args))));
  const std::string format = args.text("format");
  Output& output = context.output();
  if (args.flag("quiet") && !args.has("format")) {
    for (const auto& secret : secrets) output.line(secret.id);
    return 0;
  }
  const TimePoint at = now();
  Json rows = Json::array();
  for (const auto& secret : secrets) rows.push(secret_row(secret, at));
  const auto heading = args.flag("noheading") ? Heading::no : Heading::yes;
  if (is_json_format(format)) {
    output.print(pretty(rows, 4));
  } else {
    output.print(TRY(print_listing(secret_listing(), format, rows, heading)));
  }
  return 0;
}

struct Found {
  SecretInfo info;
  std::optional<std::string> data;
};

Result<Found> find(engine::Engine& engine, const std::string& name, bool with_data) {
  Found found{TRY(engine.find_secret(name)), {}};
  if (with_data) found.data = TRY(engine.read_secret(found.info));
  return found;
}

Result<std::string> documents(const std::vector<Found>& secrets, const std::string& format) {
  const bool json = format.empty() || is_json_format(format);
  Json rows = Json::array();
  for (const auto& secret : secrets) {
    rows.push(json ? secret_json(secret.info, secret.data) : secret_inspect_row(secret.info, secret.data));
  }
  if (json) return pretty(rows, 4);
  return print_format(secret_inspect_listing(), format, rows, Heading::yes);
}

Result<int> inspect(Context& context, const Args& args) {
  const bool people = args.flag("pretty");
  if (people && args.has("format")) return Error(Errc::invalid, "--format and --pretty cannot be used together");
  auto* engine = TRY(context.engine());
  std::vector<Found> secrets;
  std::vector<Error> errors;
  for (const auto& name : args.words()) {
    auto found = find(*engine, name, args.flag("showsecret"));
    if (found) {
      secrets.push_back(std::move(*found));
    } else {
      errors.push_back(std::move(found).error().context("inspecting secret"));
    }
  }
  Output& output = context.output();
  if (people) {
    for (const auto& secret : secrets) output.print(secret_pretty(secret.info, secret.data));
  } else {
    output.print(TRY(documents(secrets, args.text("format"))));
  }
  for (const auto& error : errors) output.error(error);
  return errors.empty() ? 0 : 125;
}

Result<int> exists(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  return existence(engine->find_secret(args.words().front()));
}

Result<int> rm(Context& context, const Args& args) {
  const bool all = args.flag("all");
  if (all != args.words().empty()) {
    return Error(Errc::invalid,
                 fmt::format("`{} secret rm` requires one argument, or the --all flag", context.program()));
  }
  auto* engine = TRY(context.engine());
  auto names = args.words();
  if (all) {
    for (const auto& secret : TRY(engine->list_secrets({}))) names.push_back(secret.id);
  }
  return remove_each(context, names, args.flag("ignore") ? Missing::ignored : Missing::told,
                     [&](const std::string& name) -> Result<std::vector<std::string>> {
                       return std::vector{TRY(engine->remove_secret(name))};
                     });
}

constexpr std::string_view k_ls_aliases[] = {"secret list"};

}  // namespace

constexpr Command k_secret_create_command = {.name = "secret create",
                                             .aliases = {},
                                             .usage = "[options] NAME FILE|-",
                                             .summary = "Keep a secret for containers",
                                             .options = {group<k_create_options>},
                                             .least_words = 2,
                                             .most_words = 2,
                                             .complete = Complete::files,
                                             .run = create};

constexpr Command k_secret_exists_command = {.name = "secret exists",
                                             .aliases = {},
                                             .usage = "SECRET",
                                             .summary = "Tell by the exit code whether there is a secret",
                                             .least_words = 1,
                                             .most_words = 1,
                                             .complete = Complete::secrets,
                                             .run = exists};

constexpr Command k_secret_inspect_command = {.name = "secret inspect",
                                              .aliases = {},
                                              .usage = "[options] SECRET [SECRET...]",
                                              .summary = "Print what is known of secrets",
                                              .options = {group<k_inspect_options>},
                                              .least_words = 1,
                                              .complete = Complete::secrets,
                                              .run = inspect};

constexpr Command k_secret_ls_command = {.name = "secret ls",
                                         .aliases = k_ls_aliases,
                                         .usage = "[options]",
                                         .summary = "List secrets",
                                         .options = {filter_options, group<k_ls_options>},
                                         .most_words = 0,
                                         .run = ls};

constexpr Command k_secret_rm_command = {.name = "secret rm",
                                         .aliases = {},
                                         .usage = "[options] SECRET [SECRET...]",
                                         .summary = "Remove secrets",
                                         .options = {group<k_rm_options>},
                                         .complete = Complete::secrets,
                                         .run = rm};

}  // namespace ctr::cli
