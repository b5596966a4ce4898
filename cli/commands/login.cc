// login and logout.
#include <fmt/format.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace ctr::cli {
namespace {

constexpr size_t k_password_limit_bytes = 65536;  // identity tokens are a few kilobytes

constexpr std::array k_login_options = {
    value("authfile", 0, "FILE", "Keep the credentials in FILE", Complete::files),
    value("cert-dir", 0, "DIR", "Read certificates of registries from DIR", Complete::directories),
    value("compat-auth-file", 0, "FILE", "Keep the credentials in a docker configuration FILE", Complete::files),
    flag("get-login", 0, "Print the user that is logged in"),
    value("password", 'p', "PASSWORD", "Password; other users can see it in the list of processes"),
    flag("password-stdin", 0, "Read the password from stdin"),
    value("secret", 0, "SECRET", "The password is this secret; its name is the user's unless there is --username",
          Complete::secrets),
    flag("tls-verify", 0, "Verify certificates of the registry (default true)"),
    value("username", 'u', "USER", "User name"),
    flag("verbose", 'v', "Say where the credentials are kept"),
};
constexpr std::array k_logout_options = {
    flag("all", 'a', "All registries"),
    value("authfile", 0, "FILE", "The credentials are in FILE", Complete::files),
    value("compat-auth-file", 0, "FILE", "The credentials are in a docker configuration FILE", Complete::files),
};

// As in docker: who names none means this one.
std::string named_registry(const Args& args) { return args.words().empty() ? "docker.io" : args.words().front(); }

Result<engine::LoginOptions> login_options(const Args& args) {
  engine::LoginOptions options;
  options.registry = named_registry(args);
  options.username = args.text("username");
  options.password = args.text("password");
  options.authfile = args.text("authfile");
  options.compat_authfile = args.text("compat-auth-file");
  options.cert_dir = args.text("cert-dir");
  options.tls_verify = TRY(args.boolean("tls-verify"));
  options.get_login = args.flag("get-login");
  if (args.has("authfile") && args.has("compat-auth-file")) {
    return Error(Errc::invalid,
                 "options for paths to the credential file and to the Docker-compatible credential file "
                 "can not be set simultaneously");
  }
  return options;
}

Result<void> take_secret(engine::Engine& engine, const Args& args, engine::LoginOptions& options) {
  if (args.has("password") || args.flag("password-stdin")) {
    return Error(Errc::invalid, "--secret can not be used with --password options");
  }
  const auto secret = TRY(engine.find_secret(args.text("secret")));
  options.password = TRY(engine.read_secret(secret));
  if (options.username.empty()) options.username = args.text("secret");
  return ok();
}

// Name and password as far as the options did not give them.
Result<void> ask(Context& context, const Args& args, engine::LoginOptions& options) {
  if (args.flag("password-stdin")) {
    if (options.username.empty()) return Error(Errc::invalid, "Must provide --username with --password-stdin");
    if (args.has("password")) return Error(Errc::invalid, "Can't specify both --password-stdin and --password");
    std::string text = TRY(read_all(STDIN_FILENO, k_password_limit_bytes, "the password"));
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    options.password = std::move(text);
    return ok();
  }
  if (options.username.empty()) {
    if (!is_terminal(STDIN_FILENO)) {
      return Error(Errc::invalid, "there is no terminal to ask for the user name").with_hint("use --username");
    }
    options.username = std::string(trim(TRY(read_line(context, "Username: "))));
  }
  if (!args.has("password")) options.password = TRY(read_password(context, "Password: "));
  return ok();
}

// podman: who gives neither name nor password may be logged in already.
Result<bool> is_logged_in(Context& context, engine::LoginOptions options) {
  auto* engine = TRY(context.engine());
  Output& output = context.output();
  if (!engine->stored_login(options)) return false;
  output.line(fmt::format("Authenticating with existing credentials for {}", printable(options.registry)));
  options.stored = true;
  const auto valid = engine->login(options);
  if (!valid && valid.error().code() != Errc::unauthorized) return valid.error();
  output.line(valid
                  ? fmt::format("Existing credentials are valid. Already logged in to {}", printable(options.registry))
                  : "Existing credentials are invalid, please enter valid username and password");
  return static_cast<bool>(valid);
}

Result<int> login(Context& context, const Args& args) {
  auto options = TRY(login_options(args));
  auto* engine = TRY(context.engine());
  if (options.get_login) {
    context.output().line(TRY(engine->stored_login(options)));
    return 0;
  }
  if (args.has("secret")) TRY(take_secret(*engine, args, options));
  const bool nobody = options.username.empty() && options.password.empty() && !args.flag("password-stdin");
  if (nobody && TRY(is_logged_in(context, options))) return 0;
  if (!args.has("secret")) TRY(ask(context, args, options));
  const auto file = TRY(engine->login(options));
  if (args.flag("verbose")) context.output().line(fmt::format("Used:  {}", printable(file)));
  context.output().line("Login Succeeded!");
  return 0;
}

Result<int> logout(Context& context, const Args& args) {
  const bool all = args.flag("all");
  const std::string registry = named_registry(args);
  if (all && !args.words().empty()) return Error(Errc::invalid, "--all takes no arguments");
  const std::string file = args.has("compat-auth-file") ? args.text("compat-auth-file") : args.text("authfile");
  auto* engine = TRY(context.engine());
  TRY(engine->logout(registry, all, file));
  context.output().line(all ? "Removed login credentials for all registries"
                            : fmt::format("Removed login credentials for {}", registry));
  return 0;
}

}  // namespace

constexpr Command k_login_command = {.name = "login",
                                     .aliases = {},
                                     .usage = "[options] [REGISTRY]",
                                     .summary = "Log in to a registry",
                                     .options = {group<k_login_options>},
                                     .most_words = 1,
                                     .run = login};

constexpr Command k_logout_command = {.name = "logout",
                                      .aliases = {},
                                      .usage = "[options] [REGISTRY]",
                                      .summary = "Log out of a registry",
                                      .options = {group<k_logout_options>},
                                      .most_words = 1,
                                      .run = logout};

}  // namespace ctr::cli
