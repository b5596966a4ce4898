// What several commands share: option groups, selections of containers, printing their outcomes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "engine/engine.h"

namespace ctr::cli {

// --authfile, --cert-dir, --creds, --tls-verify, --quiet, --retry, --retry-delay
std::span<const OptionSpec> registry_options();
// --sign-by, --sign-by-sigstore-private-key, --sign-passphrase-file
std::span<const OptionSpec> signing_options();
// --compression-format, --compression-level, --force-compression
std::span<const OptionSpec> compression_options();
// --all, --cidfile
std::span<const OptionSpec> selection_options();
// --latest
std::span<const OptionSpec> latest_options();
// --filter, -f
std::span<const OptionSpec> filter_options();
// --filter without its letter, where -f means --force
std::span<const OptionSpec> filter_options_long();

// "key=value". Errors: invalid.
Result<std::vector<engine::ContainerFilter>> parse_filters(const Args& args);
// KEY=VALUE or KEY, as labels and options of drivers are given. Errors: invalid when a key is empty, naming `what`.
Result<std::map<std::string, std::string>> key_values(const std::vector<std::string>& texts, std::string_view what);
// The containers a verb means: names, --cidfile, --all, --latest, --filter.
// Errors: invalid when nothing or too much is named.
Result<engine::Selection> selection(const Command& command, const Args& args);
// The ids in the files of --cidfile.
enum class MissingFiles { refused, left_out };
Result<std::vector<std::string>> read_cid_files(const Args& args, MissingFiles missing);
// --time as a duration.
Result<std::optional<std::chrono::seconds>> stop_timeout(const Args& args);
// The same where it goes with --force alone. Errors: invalid.
Result<std::optional<std::chrono::seconds>> forced_stop_timeout(const Args& args);

// The one container that the first word or --latest names, and the words behind it.
struct OneContainer {
  engine::ContainerInfo info;
  std::vector<std::string> rest;
};
Result<OneContainer> one_container(Context& context, const Args& args);

// Runs `act` on each selected container: prints what the user typed, or the error. The exit code is that of the last
// failure.
using ContainerAct = std::function<Result<void>(engine::Engine& engine, const engine::ContainerInfo& info)>;
enum class Echo { typed, nothing };
Result<int> for_each_container(Context& context, const engine::Selection& selection, Echo echo,
                               const ContainerAct& act);

// The exit code of the removing verbs: 1 not found, 2 in use or running, else 125.
int removal_exit_code(const Error& error);
// Calls `remove` for each name and prints the lines it returns, or the error. The exit code is that of the last
// failure.
enum class Missing { told, ignored };
using Removal = std::function<Result<std::vector<std::string>>(const std::string& name)>;
int remove_each(Context& context, const std::vector<std::string>& names, Missing missing, const Removal& remove);
// What is printed of an image or list that was removed.
std::vector<std::string> removal_lines(const engine::RemoveImageReport& report);

// The exit code of the verbs that only look whether there is something: 0, or 1 when it was not found.
template <typename T>
Result<int> existence(const Result<T>& found) {
  if (found) return 0;
  if (found.error().code() == Errc::not_found) return 1;
  return found.error();
}

// A terminal's or pipe's three descriptors, as far as they are wanted.
engine::AttachOptions attach_options(bool with_stdin, bool terminal, bool signal_proxy,
                                     std::optional<std::string> detach_keys);
// The descriptors that --preserve-fds and --preserve-fd name, ascending. Errors: invalid when the caller has not passed
// one of them.
Result<std::vector<int>> preserved_descriptors(const Args& args);
// --detach-keys, if it was given.
std::optional<std::string> find_detach_keys(const Args& args);
// podman's warning for -t without a terminal.
void warn_without_terminal(Context& context, bool terminal, bool interactive);

// A file that a person names, which may be a pipe as well: <(COMMAND) of the shell. Errors: those of reading it, and
// limit when it is longer than any such file is.
Result<std::string> read_input(const std::string& path);
// Where `path` is a descriptor of ours, as /dev/stdin and <(COMMAND) are: makes it the standard input, which processes
// of ours have as well. True when it has.
Result<bool> take_as_stdin(const std::string& path);

// One line of stdin without its newline, after a prompt on stderr. Errors: io, interrupted.
Result<std::string> read_line(Context& context, std::string_view prompt);
// Asks on stderr; anything but yes means no. Errors: io, interrupted.
Result<bool> confirm(Context& context);
Result<bool> confirm(Context& context, std::string_view warning);

// Pretty JSON as Go prints it, with a newline.
std::string pretty(const Json& value, int indent);

}  // namespace ctr::cli
