#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/child.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/runtime/common.h"
#include "runtime/container/control.h"

namespace ctr::cli::runtime {
namespace {

constexpr std::array k_options = {
    value("format", 'f', "FORMAT", "table or json"),
};

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words = split(line, ' ');
  std::erase(words, "");
  return words;
}

// The lines of ps(1) that are of these processes, under its headline. Errors: invalid when it shows no pids.
Result<std::string> select_rows(const std::string& listing, const std::vector<pid_t>& pids) {
  const std::vector<std::string> lines = split(listing, '\n');
  const std::vector<std::string> titles = words_of(lines[0]);
  const auto title = std::find(titles.begin(), titles.end(), "PID");
  if (title == titles.end()) return Error(Errc::invalid, "ps shows no column PID with these arguments");
  const auto column = static_cast<size_t>(title - titles.begin());
  const std::set<uint64_t> wanted(pids.begin(), pids.end());
  std::string out = lines[0] + "\n";
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> words = words_of(lines[i]);
    if (words.size() <= column) continue;
    const auto pid = parse_unsigned(words[column], "pid");
    if (pid && wanted.count(*pid) != 0) out += lines[i] + "\n";
  }
  return out;
}

Result<std::string> table(const RuntimeContext& context, const std::vector<pid_t>& pids,
                          const std::vector<std::string>& ps_args) {
  SpawnOptions options;
  options.program = find_program("ps", context.environment);
  if (options.program.empty()) {
    return Error(Errc::not_found, "the program ps is not installed").with_hint("apt install procps, or use -f json");
  }
  options.argv = {"ps"};
  options.argv.insert(options.argv.end(), ps_args.begin(), ps_args.end());
  if (ps_args.empty()) options.argv.emplace_back("-ef");
  options.env = {"LC_ALL=C"};
  constexpr std::chrono::seconds k_wait{30};
  const Output output = TRY(run_program(std::move(options), "", k_wait));
  if (output.status.code != 0) {
    return Error(Errc::invalid, fmt::format("ps ended with {}: {}", output.status.code, printable(trim(output.err))));
  }
  return select_rows(output.out, pids);
}

Result<int> ps(RuntimeContext& context, const RuntimeArgs& args) {
  const std::string& id = args.words()[0];
  const std::string format = args.text("format", "table");
  if (format != "table" && format != "json") {
    return Error(Errc::invalid, fmt::format("--format is table or json, not '{}'", printable(format)));
  }
  const auto live = TRY(ctr::runtime::open_live(TRY(open_root(context, id)), id, "list the processes of"));
  const std::vector<pid_t> pids = TRY(live.cgroup.processes());
  if (format == "table") {
    const std::vector<std::string> ps_args(args.words().begin() + 1, args.words().end());
    TRY(print_result(TRY(table(context, pids, ps_args))));
    return 0;
  }
  Json out = Json::array();
  for (const pid_t pid : pids) out.push(int64_t{pid});
  TRY(print_result(dump_json(out) + "\n"));
  return 0;
}

}  // namespace

const RuntimeCommand k_runtime_ps = {.name = "ps",
                                     .usage = "[OPTION]... CONTAINER [PS-OPTION]...",
                                     .summary = "List the processes of a container",
                                     .options = k_options,
                                     .least_words = 1,
                                     .most_words = RuntimeCommand::k_any_words,
                                     .trailing = Trailing::command,
                                     .run = ps};

}  // namespace ctr::cli::runtime
