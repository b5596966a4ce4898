// completion, and the list of commands that tests compare with the manual.
#include "cli/completion.h"

#include "base/file.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/help.h"
#include "cli/output.h"

namespace ctr::cli {
namespace {

constexpr std::array k_completion_options = {
    value("file", 'f', "FILE", "Write the script to FILE", Complete::files),
    flag("no-desc", 0, "Do not say what commands and options are for"),
};

Result<int> completion(Context& context, const Args& args) {
  const auto descriptions = args.flag("no-desc") ? Descriptions::no : Descriptions::yes;
  const std::string script = TRY(completion_script(args.words().front(), descriptions));
  if (args.has("file")) {
    TRY(create_file(args.text("file"), script));
  } else {
    context.output().print(script);
  }
  return 0;
}

Result<int> listing(Context& context, const Args&) {
  context.output().print(command_listing());
  return 0;
}

}  // namespace

constexpr Command k_completion_command = {.name = "completion",
                                          .aliases = {},
                                          .usage = "[options] bash|fish|zsh",
                                          .summary = "Print a completion script for a shell",
                                          .options = {group<k_completion_options>},
                                          .least_words = 1,
                                          .most_words = 1,
                                          .complete = Complete::shells,
                                          .run = completion};

constexpr Command k_listing_command = {.name = "__commands",
                                       .aliases = {},
                                       .usage = "",
                                       .summary = "Print the command table",
                                       .hidden = true,
                                       .run = listing};

}  // namespace ctr::cli
