// import.
#include <unistd.h>

#include "base/oci/platform.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "engine/image_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_import_options = {
    value("arch", 0, "ARCH", "Architecture of the image (default: this machine's)"),
    list("change", 'c', "INSTRUCTION",
         "Set the configuration: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR"),
    value("message", 'm', "TEXT", "A comment on the image"),
    value("os", 0, "OS", "Operating system of the image (default: linux)"),
    flag("quiet", 'q', "Print no progress"),
    value("variant", 0, "VARIANT", "Variant of the image's architecture"),
};

Result<oci::Platform> parse_made_platform(const Args& args) {
  auto platform = oci::host_platform();
  if (!args.has("os") && !args.has("arch") && !args.has("variant")) return platform;
  std::string text = args.text("os", platform.os) + "/" + args.text("arch", platform.architecture);
  if (args.has("variant")) text += "/" + args.text("variant");
  return oci::parse_platform(text);
}

Result<int> import(Context& context, const Args& args) {
  const auto& words = args.words();
  engine::ImportRequest request;
  request.input = words[0];
  if (TRY(take_as_stdin(request.input))) request.input = "-";
  if (request.input == "-" && is_terminal(STDIN_FILENO)) {
    return Error(Errc::invalid, "cannot read from terminal, use command-line redirection or name a file");
  }
  if (words.size() > 1) request.name = words[1];
  request.changes = args.list("change");
  request.message = args.text("message");
  request.platform = TRY(parse_made_platform(args));
  request.quiet = args.flag("quiet");
  auto* engine = TRY(context.engine());
  context.output().line("sha256:" + TRY(engine::image_verbs(*engine).import(std::move(request))));
  return 0;
}

constexpr std::string_view k_import_aliases[] = {"image import"};

}  // namespace

constexpr Command k_import_command = {.name = "import",
                                      .aliases = k_import_aliases,
                                      .usage = "[options] FILE|URL [IMAGE]",
                                      .summary = "Make an image of a root file system in a tar archive",
                                      .options = {group<k_import_options>},
                                      .least_words = 1,
                                      .most_words = 2,
                                      .complete = Complete::files,
                                      .run = import};

}  // namespace ctr::cli
