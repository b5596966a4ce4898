#include "cli/commands/common.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/question.h"

namespace ctr::cli {
namespace {

// As of a file that is no pipe.
constexpr size_t k_input_limit_bytes = size_t{4} << 20;

constexpr std::array k_registry_options = {
    value("authfile", 0, "FILE", "Read registry credentials from FILE", Complete::files),
    value("cert-dir", 0, "DIR", "Read certificates of registries from DIR", Complete::directories),
    value("creds", 0, "USER[:PASSWORD]", "Credentials for the registry"),
    flag("disable-content-trust", 0, "Accepted and without effect, as in podman"),
    flag("quiet", 'q', "Print no progress"),
    value("retry", 0, "N", "Tries of a failing transfer"),
    value("retry-delay", 0, "DURATION", "Time between the tries"),
    flag("tls-verify", 0, "Verify certificates of registries (default true)"),
};
constexpr std::array k_signing_options = {
    value("sign-by", 0, "KEY", "Sign with a key of your gpg, such as a fingerprint"),
    value("sign-by-sigstore", 0, "FILE", "Sign with the private key that this file of parameters names",
          Complete::files),
    value("sign-by-sigstore-private-key", 0, "FILE", "Sign with the private key in FILE, as cosign does",
          Complete::files),
    value("sign-passphrase-file", 0, "FILE", "Read the passphrase of the signing key from FILE", Complete::files),
};
constexpr std::array k_compression_options = {
    value("compression-format", 0, "FORMAT", "Compression of the layers that are sent: gzip or zstd"),
    value("compression-level", 0, "LEVEL", "Level of the compression: 1 to 9 for gzip, 1 to 20 for zstd"),
    flag("force-compression", 0, "Compress layers anew that have the format already"),
};
constexpr std::array k_selection_options = {
    flag("all", 'a', "All containers"),
    list("cidfile", 0, "FILE", "Read the container's id from FILE", Complete::files),
};
constexpr std::array k_latest_options = {flag("latest", 'l', "The container that was created last")};
constexpr std::array k_filter_options = {list("filter", 'f', "KEY=VALUE", "Only objects that match")};
constexpr std::array k_filter_options_long = {list("filter", 0, "KEY=VALUE", "Only objects that match")};

// A container id and a newline.
constexpr size_t k_cidfile_limit_bytes = 4096;

// As many as a program after clone can carry: k_max_extra_fds of runtime/child_ops.h.
constexpr uint64_t k_most_preserved = 64;
constexpr int k_first_preserved = 3;

bool declares(const Command& command, std::string_view option) { return find_option(command, option) != nullptr; }

}  // namespace

std::span<const OptionSpec> registry_options() { return k_registry_options; }
std::span<const OptionSpec> signing_options() { return k_signing_options; }
std::span<const OptionSpec> compression_options() { return k_compression_options; }
std::span<const OptionSpec> selection_options() { return k_selection_options; }
std::span<const OptionSpec> latest_options() { return k_latest_options; }
std::span<const OptionSpec> filter_options() { return k_filter_options; }
std::span<const OptionSpec> filter_options_long() { return k_filter_options_long; }

Result<std::vector<engine::ContainerFilter>> parse_filters(const Args& args) {
  std::vector<engine::ContainerFilter> filters;
  for (const auto& text : args.list("filter")) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) return Error(Errc::invalid, fmt::format("invalid filter \"{}\"", printable(text)));
    // "label!=x" is the filter "label!" in podman's tables.
    filters.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return filters;
}

Result<std::map<std::string, std::string>> key_values(const std::vector<std::string>& texts, std::string_view what) {
  std::map<std::string, std::string> map;
  for (const auto& text : texts) {
    const auto pair = split_once(text, '=');
    const std::string key = pair ? pair->first : text;
    if (key.empty()) return Error(Errc::invalid, fmt::format("invalid {} format: \"{}\"", what, printable(text)));
    map[key] = pair ? pair->second : "";
  }
  return map;
}

Result<std::vector<std::string>> read_cid_files(const Args& args, MissingFiles missing) {
  std::vector<std::string> ids;
  for (const auto& path : args.list("cidfile")) {
    auto id = read_file(path, k_cidfile_limit_bytes);
    if (!id && missing == MissingFiles::left_out && id.error().code() == Errc::not_found) continue;
    if (!id) return std::move(id).error().context("reading CIDFile");
    ids.emplace_back(trim(std::string_view(*id).substr(0, id->find('\n'))));
  }
  return ids;
}

Result<engine::Selection> selection(const Command& command, const Args& args) {
  engine::Selection result;
  result.names = args.words();
  const auto flag_of = [&](std::string_view name) { return declares(command, name) && args.flag(name); };
  result.all = flag_of("all");
  result.latest = flag_of("latest");
  result.ignore_missing = flag_of("ignore");
  const bool has_files = declares(command, "cidfile") && args.has("cidfile");
  if (has_files) {
    auto ids = TRY(read_cid_files(args, result.ignore_missing ? MissingFiles::left_out : MissingFiles::refused));
    std::move(ids.begin(), ids.end(), std::back_inserter(result.names));
  }
  if (declares(command, "filter")) result.filters = TRY(parse_filters(args));
  const bool named = !args.words().empty();
  if (result.all && (named || result.latest)) {
    return Error(Errc::invalid, "--all and arguments cannot be used together");
  }
  if (result.latest && named) return Error(Errc::invalid, "--latest and arguments cannot be used together");
  if (named && has_files) return Error(Errc::invalid, "--cidfile and arguments cannot be used together");
  if (!named && !has_files && !result.all && !result.latest && result.filters.empty()) {
    return Error(Errc::invalid, "you must provide at least one name or id");
  }
  return result;
}

Result<std::optional<std::chrono::seconds>> stop_timeout(const Args& args) {
  const auto seconds = TRY(args.number("time"));
  if (!seconds) return std::optional<std::chrono::seconds>();
  if (*seconds < 0) return std::optional(std::chrono::seconds(INT32_MAX));
  return std::optional(std::chrono::seconds(*seconds));
}

Result<std::optional<std::chrono::seconds>> forced_stop_timeout(const Args& args) {
  if (!args.has("time") || args.flag("force")) return stop_timeout(args);
  return Error(Errc::invalid, "--force option must be specified to use the --time option");
}

Result<OneContainer> one_container(Context& context, const Args& args) {
  OneContainer result;
  auto* engine = TRY(context.engine());
  result.rest = args.words();
  if (args.flag("latest")) {
    engine::Selection latest;
    latest.latest = true;
    auto found = TRY(engine->select(latest));
    if (found.empty()) return Error(Errc::not_found, "no containers");
    if (found.front().second.error) return *found.front().second.error;
    result.info = std::move(found.front().first);
    return result;
  }
  if (result.rest.empty()) return Error(Errc::invalid, "you must provide at least one name or id");
  result.info = TRY(engine->find_container(result.rest.front()));
  result.rest.erase(result.rest.begin());
  return result;
}

Result<int> for_each_container(Context& context, const engine::Selection& selection, Echo echo,
                               const ContainerAct& act) {
  auto* engine = TRY(context.engine());
  int code = 0;
  for (auto& [info, outcome] : TRY(engine->select(selection))) {
    if (!outcome.error) {
      auto done = act(*engine, info);
      if (!done) outcome.error = std::move(done).error();
    }
    if (outcome.error) {
      if (selection.ignore_missing && outcome.error->code() == Errc::not_found) continue;
      context.output().error(*outcome.error);
      code = 125;
    } else if (echo == Echo::typed) {
      context.output().line(outcome.typed);
    }
  }
  return code;
}

int removal_exit_code(const Error& error) {
  if (error.code() == Errc::not_found) return 1;
  return error.code() == Errc::bad_state || error.code() == Errc::in_use ? 2 : 125;
}

int remove_each(Context& context, const std::vector<std::string>& names, Missing missing, const Removal& remove) {
  int code = 0;
  for (const auto& name : names) {
    const auto removed = remove(name);
    if (removed) {
      for (const auto& line : *removed) context.output().line(line);
    } else if (missing == Missing::told || removed.error().code() != Errc::not_found) {
      code = removal_exit_code(removed.error());
      context.output().error(removed.error(), code);
    }
  }
  return code;
}

std::vector<std::string> removal_lines(const engine::RemoveImageReport& report) {
  std::vector<std::string> lines;
  for (const auto& reference : report.untagged) lines.push_back("Untagged: " + reference);
  for (const auto& id : report.deleted) lines.push_back("Deleted: " + id);
  return lines;
}

engine::AttachOptions attach_options(bool with_stdin, bool terminal, bool signal_proxy,
                                     std::optional<std::string> detach_keys) {
  engine::AttachOptions options;
  if (with_stdin) options.stdin_fd = STDIN_FILENO;
  options.stdout_fd = STDOUT_FILENO;
  options.stderr_fd = STDERR_FILENO;
  options.terminal = terminal && with_stdin && is_terminal(STDIN_FILENO);
  options.signal_proxy = signal_proxy;
  options.detach_keys = std::move(detach_keys);
  return options;
}

Result<std::vector<int>> preserved_descriptors(const Args& args) {
  std::set<int> fds;
  if (args.has("preserve-fds")) {
    const uint64_t count = TRY(parse_unsigned(args.text("preserve-fds"), "--preserve-fds", k_most_preserved));
    for (uint64_t i = 0; i < count; ++i) fds.insert(k_first_preserved + static_cast<int>(i));
  }
  for (const auto& text : args.list("preserve-fd")) {
    for (const auto& word : split(text, ',')) {
      const uint64_t fd = TRY(parse_unsigned(word, "--preserve-fd", k_first_preserved + k_most_preserved - 1));
      if (fd < k_first_preserved) return Error(Errc::invalid, fmt::format("--preserve-fd {}: must be 3 or more", fd));
      fds.insert(static_cast<int>(fd));
    }
  }
  for (const int fd : fds) {
    // What ctr has opened itself closes on exec and is for nobody else; what the caller has passed does not.
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) continue;
    const char* option = args.has("preserve-fds") ? "preserve-fds" : "preserve-fd";
    return Error(Errc::invalid, fmt::format("file descriptor {} is not available - the {} option requires that file "
                                            "descriptors must be passed",
                                            fd, option));
  }
  return std::vector<int>(fds.begin(), fds.end());
}

std::optional<std::string> find_detach_keys(const Args& args) {
  return args.has("detach-keys") ? std::optional(args.text("detach-keys")) : std::nullopt;
}

void warn_without_terminal(Context& context, bool terminal, bool interactive) {
  if (!terminal || !interactive || is_terminal(STDIN_FILENO)) return;
  context.output().warn("The input device is not a TTY. The --tty and --interactive flags might not work properly");
}

Result<std::string> read_line(Context& context, std::string_view prompt) {
  context.output().flush().ignore("the question matters more");
  return read_line(context.cancel(), prompt);
}

Result<bool> confirm(Context& context, std::string_view warning) {
  context.output().note(warning);
  return confirm(context);
}

Result<bool> confirm(Context& context) {
  const std::string answer = to_lower(trim(TRY(read_line(context, "Are you sure you want to continue? [y/N] "))));
  return answer == "y" || answer == "yes";
}

std::string pretty(const Json& value, int indent) {
  return dump_json(value, {.indent = indent, .escape_html = false}) + "\n";
}

Result<std::string> read_input(const std::string& path) {
  struct stat status{};
  const bool is_stream = ::stat(path.c_str(), &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode));
  if (!is_stream) return read_file(path);
  const auto input = TRY(open_path(path, O_RDONLY | O_NOCTTY));
  return read_all(input.get(), k_input_limit_bytes, "'" + printable(path) + "'");
}

Result<bool> take_as_stdin(const std::string& path) {
  const bool is_ours = path == "/dev/stdin" || path.starts_with("/dev/fd/") || path.starts_with("/proc/self/fd/");
  if (!is_ours) return false;
  const auto input = TRY(open_path(path, O_RDONLY));
  if (::dup3(input.get(), STDIN_FILENO, 0) < 0)  // not CLOEXEC: programs that are started have it, too
    return Error::from_errno("take '" + printable(path) + "' as input");
  return true;
}

}  // namespace ctr::cli
