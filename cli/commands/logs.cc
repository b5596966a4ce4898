// logs.
#include <fmt/format.h>

#include <utility>

#include "base/parse.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/commands/pod_common.h"
#include "cli/output.h"
#include "engine/container_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_logs_options = {
    flag("color", 0, "A colour for the name or id of each container"),
    flag("follow", 'f', "Go on until the container ends"),
    flag("names", 'n', "Put the container's name in front of each line"),
    value("since", 0, "TIME",
          "Only lines after TIME: RFC 3339, unix seconds, or a duration that is subtracted from now"),
    value("tail", 0, "N", "Only the last N lines; -1 for all"),
    flag("timestamps", 't', "Put the time in front of each line"),
    value("until", 0, "TIME", "Only lines before TIME"),
};

constexpr std::array k_pod_options = {
    list("container", 'c', "CONTAINER", "Only this container of the pod", Complete::containers)};

// How lines look.
struct LineStyle {
  bool timestamps = false, names = false, color = false;
  bool at_once = false;  // nothing waits for more
};

Result<engine::LogOptions> log_options(const Args& args) {
  engine::LogOptions options;
  options.follow = args.flag("follow");
  if (const auto tail = TRY(args.number("tail")); tail && *tail >= 0) options.tail = static_cast<uint64_t>(*tail);
  const TimePoint reference = now();
  if (args.has("since")) options.since = TRY(parse_time_or_ago(args.text("since"), reference, "--since"));
  if (args.has("until")) options.until = TRY(parse_time_or_ago(args.text("until"), reference, "--until"));
  return options;
}

// One container's lines: its output as it was, on the stream it came from.
class Printer {
 public:
  Printer(Output& output, const LineStyle& style, std::string prefix)
      : output_(output), style_(style), prefix_(std::move(prefix)) {}

  Result<void> print(const engine::Engine::LogLine& line) {
    std::string text;
    bool& open = open_[line.is_stderr ? 1 : 0];
    if (!open) {
      text = prefix_;
      if (style_.timestamps) text += format_rfc3339_nano(line.time) + " ";
    }
    text += line.text;
    if (!line.partial) text += '\n';
    open = line.partial;
    if (line.is_stderr) {
      output_.print_stderr(text);
    } else {
      output_.print(text);
    }
    return style_.at_once ? output_.flush() : ok();
  }

  // Lines of others come next: they do not go on with an unfinished one of ours.
  void end_line() {
    if (open_[0]) output_.print("\n");
    if (open_[1]) output_.print_stderr("\n");
    open_[0] = open_[1] = false;
  }

 private:
  Output& output_;
  const LineStyle& style_;
  std::string prefix_;
  bool open_[2] = {false, false};  // a partial line is not finished yet
};

// What stands in front of the lines of the container `index`.
std::string prefix_of(const engine::ContainerInfo& info, const LineStyle& style, size_t index, bool is_one_of_many) {
  // Source: ECMA-48, SGR.
  static constexpr std::array<int, 6> k_colors = {37, 31, 32, 33, 34, 35};
  std::string name;
  if (style.names) {
    name = info.name;
  } else if (is_one_of_many) {
    name = info.id.short_form();
  }
  if (name.empty()) return name;
  return style.color ? fmt::format("\x1b[{}m{}\x1b[0m ", k_colors[index % k_colors.size()], name) : name + " ";
}

Result<int> print_logs(Context& context, const Args& args, const std::vector<engine::ContainerInfo>& infos) {
  const auto options = TRY(log_options(args));
  const LineStyle style = {args.flag("timestamps"), args.flag("names"), args.flag("color"), options.follow};
  auto* engine = TRY(context.engine());
  std::vector<engine::ContainerId> ids;
  std::vector<Printer> printers;
  for (const auto& info : infos) {
    printers.emplace_back(context.output(), style, prefix_of(info, style, ids.size(), infos.size() > 1));
    ids.push_back(info.id);
  }
  size_t last = 0;
  const auto print = [&](size_t index, const engine::Engine::LogLine& line) {
    if (const auto former = std::exchange(last, index); former != index) printers[former].end_line();
    return printers[index].print(line);
  };
  TRY(engine::container_verbs(*engine).logs(ids, options, print));
  return 0;
}

Result<int> logs(Context& context, const Args& args) {
  const auto wanted = TRY(selection(k_logs_command, args));
  std::vector<engine::ContainerInfo> infos;
  for (auto& [info, outcome] : TRY(TRY(context.engine())->select(wanted))) {
    if (outcome.error) return std::move(*outcome.error);
    infos.push_back(std::move(info));
  }
  return print_logs(context, args, infos);
}

// The members of a pod, or those that --container names.
Result<int> pod_logs(Context& context, const Args& args) {
  const auto pod = TRY(one_pod(context, args));
  auto* engine = TRY(context.engine());
  std::vector<engine::ContainerInfo> infos;
  for (const auto& name : args.list("container")) {
    auto info = TRY(engine->find_container(name));
    if (info.spec.pod != pod.id.hex) {
      return Error(Errc::not_found, fmt::format("container {} is not in pod {}", printable(name), pod.id.hex));
    }
    infos.push_back(std::move(info));
  }
  const auto members = args.has("container") ? std::vector<engine::PodMember>{} : pod.members;
  for (const auto& member : members) infos.push_back(TRY(engine->find_container(member.id.hex)));
  return print_logs(context, args, infos);
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

constexpr Command k_pod_logs_command = {.name = "pod logs",
                                        .aliases = {},
                                        .usage = "[options] POD",
                                        .summary = "Print what the containers of a pod have written",
                                        .options = {group<k_logs_options>, group<k_pod_options>, latest_options},
                                        .most_words = 1,
                                        .complete = Complete::pods,
                                        .run = pod_logs};

}  // namespace ctr::cli
