// commit.
#include <fmt/format.h>

#include "base/fd.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "engine/file_verbs.h"
#include "engine/output_file.h"

namespace ctr::cli {
namespace {

using engine::CommitRequest;

constexpr std::array k_commit_options = {
    value("author", 'a', "NAME", "Who has made the image"),
    list("change", 'c', "INSTRUCTION",
         "Change the configuration: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR"),
    value("config", 0, "FILE", "Change the configuration by what the JSON in FILE says", Complete::files),
    value("format", 'f', "FORMAT", "Of the image: oci (default) or docker"),
    value("iidfile", 0, "FILE", "Write the id of the image to FILE", Complete::files),
    flag("include-volumes", 'i', "Declare the container's volumes in the image"),
    value("message", 'm', "TEXT", "A comment on the image, with --format docker"),
    flag("pause", 'p', "Pause the container meanwhile (default: where that is possible)"),
    flag("quiet", 'q', "Print no progress"),
    flag("squash", 's', "Make one layer of everything, also of the image below"),
};

Result<CommitRequest::Format> parse_format(const std::string& format) {
  if (format == "oci") return CommitRequest::Format::oci;
  if (format == "docker") return CommitRequest::Format::docker;
  return Error(Errc::invalid, fmt::format("unrecognized image format \"{}\"", printable(format)))
      .with_hint("choose oci or docker");
}

Result<int> commit(Context& context, const Args& args) {
  const auto& words = args.words();
  CommitRequest request;
  request.container = words[0];
  if (words.size() > 1) request.name = words[1];
  request.author = args.text("author");
  request.message = args.text("message");
  request.changes = args.list("change");
  request.format = TRY(parse_format(args.text("format", "oci")));
  if (args.has("pause")) request.pause = args.flag("pause") ? CommitRequest::Pause::yes : CommitRequest::Pause::no;
  request.quiet = args.flag("quiet");
  request.squash = args.flag("squash");
  request.include_volumes = args.flag("include-volumes");
  request.config_file = args.text("config");
  auto* engine = TRY(context.engine());
  const auto id = TRY(engine::file_verbs(*engine).commit(std::move(request)));
  if (const auto file = args.text("iidfile"); !file.empty()) {
    TRY(engine::write_output_file(file, [&](int fd) { return write_all(fd, id, "the id of the image"); }));
  }
  context.output().line(id);
  return 0;
}

constexpr std::string_view k_commit_aliases[] = {"container commit"};

}  // namespace

constexpr Command k_commit_command = {.name = "commit",
                                      .aliases = k_commit_aliases,
                                      .usage = "[options] CONTAINER [IMAGE]",
                                      .summary = "Make an image of a container's changes",
                                      .options = {group<k_commit_options>},
                                      .least_words = 1,
                                      .most_words = 2,
                                      .complete = Complete::containers,
                                      .run = commit};

}  // namespace ctr::cli
