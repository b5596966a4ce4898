// logs.
#include <fmt/format.h>

#include "base/parse.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"

namespace ctr::cli {
namespace {

constexpr std::array k_logs_options = {
    flag("color", 0, "With --names: a colour for each container"),
    flag("follow", 'f', "Go on until the container ends"),
    flag("names", 'n', "Put the container's name in front of each line"),
    value("since", 0, "TIME",
          "Only lines after TIME: RFC 3339, unix seconds, or a duration that is subtracted from now"),
    value("tail", 0, "N", "Only the last N lines; -1 for all"),
    flag("timestamps", 't', "Put the time in front of each line"),
    value("until", 0, "TIME", "Only lines before TIME"),
};

Result<engine::LogOptions> log_options(const Args& args) {
  engine::LogOptions options;
  options.follow = args.flag("follow");
  options.timestamps = args.flag("timestamps");
  options.names = args.flag("names");
  options.color = args.flag("color");
  if (const auto tail = TRY(args.number("tail")); tail && *tail >= 0) options.tail = static_cast<uint64_t>(*tail);
  const TimePoint reference = now();
  if (args.has("since")) options.since = TRY(parse_time_or_ago(args.text("since"), reference, "--since"));
  if (args.has("until")) options.until = TRY(parse_time_or_ago(args.text("until"), reference, "--until"));
  return options;
}

// One container's lines: its output as it was, on the stream it came from.
class Printer {
 public:
  Printer(Output& output, const engine::LogOptions& options, std::string prefix)
      : output_(output), options_(options), prefix_(std::move(prefix)) {}

  Result<void> operator()(const engine::Engine::LogLine& line) {
    std::string text;
    bool& open = open_[line.is_stderr ? 1 : 0];
    if (!open) {
      text = prefix_;
      if (options_.timestamps) text += format_rfc3339_nano(line.time) + " ";
    }
    text += line.text;
    if (!line.partial) text += '\n';
    open = line.partial;
    if (line.is_stderr) {
      output_.print_stderr(text);
    } else {
      output_.print(text);
    }
    if (options_.follow) return output_.flush();
    return ok();
  }

 private:
  Output& output_;
  const engine::LogOptions& options_;
  std::string prefix_;
  bool open_[2] = {false, false};  // a partial line is not finished yet
};

Result<int> logs(Context& context, const Args& args) {
  const auto options = TRY(log_options(args));
  const auto wanted = TRY(selection(k_logs_command, args));
  auto* engine = TRY(context.engine());
  const auto found = TRY(engine->select(wanted));
  for (const auto& [info, outcome] : found) {
    if (outcome.error) return *outcome.error;
  }
  if (options.follow && found.size() > 1) {
    return Error(Errc::unsupported, "--follow: only one container can be followed at a time");
  }
  static constexpr std::array<int, 6> k_colors = {37, 31, 32, 33, 34, 35};
  size_t index = 0;
  for (const auto& [info, outcome] : found) {
    std::string prefix;
    if (options.names) {
      prefix = info.name + " ";
    } else if (found.size() > 1) {
      prefix = info.id.short_form() + " ";
    }
    if (options.color && !prefix.empty()) {
      prefix =
          fmt::format("\x1b[{}m{}\x1b[0m ", k_colors[index % k_colors.size()], prefix.substr(0, prefix.size() - 1));
    }
    ++index;
    Printer print(context.output(), options, prefix);
    TRY(engine->logs(info.id, options, print));
  }
  return 0;
}

constexpr std::string_view k_logs_aliases[] = {"container logs"};

}  // namespace

constexpr Command k_logs_command = {.name = "logs",
                                    .aliases = k_logs_aliases,
                                    .usage = "[options] CONTAINER [CONTAINER...]",
                                    .summary = "Print what containers have written",
                                    .options = {group<k_logs_options>, latest_options},
                                    .complete = Complete::containers,
                                    .run = logs};

}  // namespace ctr::cli
