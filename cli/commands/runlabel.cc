// container runlabel.
#include <fmt/format.h>
#include <strings.h>

#include <csignal>

#include "base/child.h"
#include "base/paths.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/run_label.h"
#include "cli/spec_args.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    flag("display", 0, "Print the command and run nothing"),
    value("name", 'n', "NAME", "Name of the container (default: that of the image)"),
    value("opt1", 0, "TEXT", "What $OPT1 stands for in the label"),
    value("opt2", 0, "TEXT", "What $OPT2 stands for in the label"),
    value("opt3", 0, "TEXT", "What $OPT3 stands for in the label"),
    flag("pull", 'p', "Accepted: an image that is missing is always pulled"),
    flag("replace", 0, "Remove a container of the same name first"),
};

Result<engine::ImageInfo> image_of(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  auto options = TRY(pull_options(args, *TRY(engine->config())));
  options.policy = engine::PullPolicy::missing;
  const auto ids = TRY(engine->pull(args.words()[1], options));
  return engine->find_image(ids.front());
}

// Labels are named without regard to case.
Result<std::string> label_text(const engine::ImageInfo& image, const Args& args) {
  const std::string& wanted = args.words()[0];
  for (const auto& [key, text] : image.config.labels) {
    if (::strcasecmp(key.c_str(), wanted.c_str()) == 0 && !trim(text).empty()) return text;
  }
  return Error(Errc::not_found, fmt::format("cannot find the value of label: {} in image: {}", printable(wanted),
                                            printable(args.words()[1])));
}

Result<std::vector<std::string>> command_of(const Args& args, const engine::ImageInfo& image) {
  RunLabel label;
  label.text = TRY(label_text(image, args));
  label.arguments.assign(args.words().begin() + 2, args.words().end());
  label.image = image.names.empty() ? image.id : image.names.front();
  label.name = args.text("name");
  if (label.name.empty()) label.name = name_from_image(image.names.empty() ? args.words()[1] : label.image);
  const std::string directory = TRY(absolute_path("."));
  return label_command(label, [&](std::string_view variable) -> std::string {
    if (variable == "PWD") return directory;
    const std::string option = to_lower(variable);
    return option == "opt1" || option == "opt2" || option == "opt3" ? args.text(option) : std::string();
  });
}

// Set for the command of a label, as by podman.
constexpr const char* k_nested_variable = "PODMAN_RUNLABEL_NESTED";

// A label that runs a label, its own in the end, would go on for ever.
Result<void> check_not_nested(const Environment& environment) {
  if (environment_value(environment, k_nested_variable) != "1") return ok();
  return Error(Errc::invalid, "the label of an image cannot run that of an image: nested runlabel calls");
}

// A command line of ours, in a process of its own, on the same store. What interrupts us interrupts it.
Result<int> run_command(Context& context, const Args& args, const std::vector<std::string>& words) {
  SpawnOptions options;
  options.program = "/proc/self/exe";
  options.argv = {context.program()};
  for (auto& word : context.global_words()) options.argv.push_back(std::move(word));
  options.argv.insert(options.argv.end(), words.begin(), words.end());
  for (const auto& [key, value] : context.environment()) options.env.push_back(key + "=" + value);
  for (const char* name : {"opt1", "opt2", "opt3"}) {
    if (args.has(name)) options.env.push_back(to_upper(name) + "=" + args.text(name));
  }
  options.env.push_back(fmt::format("{}=1", k_nested_variable));
  if (!args.flag("quiet")) options.fds = {{0, 0}, {1, 1}, {2, 2}};
  TRY(context.output().flush());
  auto child = TRY(spawn(options));
  auto status = child.wait(context.cancel());
  if (!status && status.error().code() == Errc::interrupted) {
    child.signal(SIGTERM).ignore("it has ended by itself");
    status = child.wait();
  }
  return TRY(status).code;
}

Result<void> replace(Context& context, const std::vector<std::string>& words) {
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "--name") continue;
    auto* engine = TRY(context.engine());
    const auto found = engine->find_container(words[i + 1]);
    if (!found && found.error().code() == Errc::not_found) return ok();
    engine::RemoveOptions options;
    options.force = true;
    return engine->remove(TRY(found).id, options);
  }
  return ok();
}

Result<int> run_label(Context& context, const Args& args) {
  TRY(check_not_nested(context.environment()));
  const auto words = TRY(command_of(args, TRY(image_of(context, args))));
  if (args.flag("display")) {
    const std::string line = join(words, " ");
    // A terminal shows what it says, and all of it: an escaped byte takes four.
    context.output().line(fmt::format("command: {} {}", context.program(), printable(line, 4 * line.size())));
    return 0;
  }
  if (args.flag("replace")) TRY(replace(context, words));
  return run_command(context, args, words);
}

}  // namespace

constexpr Command k_container_runlabel_command = {.name = "container runlabel",
                                                  .aliases = {},
                                                  .usage = "[options] LABEL IMAGE [ARG...]",
                                                  .summary = "Run the command of ctr that a label of an image holds",
                                                  .options = {registry_options, group<k_options>},
                                                  .least_words = 2,
                                                  .positionals = Positionals::end_options,
                                                  .complete = Complete::images,
                                                  .run = run_label};

}  // namespace ctr::cli
