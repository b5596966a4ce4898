// generate spec.
#include <fcntl.h>
#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "engine/container_verbs.h"
#include "engine/pods.h"
#include "engine/spec_document.h"

namespace ctr::cli {
namespace {

constexpr std::array k_spec_options = {
    flag("compact", 'c', "Print everything on one line"),
    value("filename", 'f', "FILE", "Write to FILE", Complete::files),
    flag("name", 'n', "Another name than that of the container or pod (default true)"),
};

Result<Json> document_of(engine::Engine& engine, const std::string& name, bool renames) {
  const auto container = engine.find_container(name);
  if (container) {
    auto spec = TRY(engine::container_verbs(engine).clone_spec(container->id));
    if (!renames) spec.name = container->name;
    return engine::spec_document(spec);
  }
  if (container.error().code() != Errc::not_found) return container.error();
  const auto pod = engine::pod_verbs(engine).find(name);
  if (!pod && pod.error().code() == Errc::not_found) {
    return Error(Errc::not_found, fmt::format("could not find a pod or container with the id {}", printable(name)))
        .with_hint("`ctr ps --all` and `ctr pod ps` list them");
  }
  const auto found = TRY(Result(pod));
  auto spec = found.spec;
  spec.name = renames ? found.name + "-clone" : found.name;
  return engine::spec_document(spec);
}

Result<int> generate_spec(Context& context, const Args& args) {
  const auto document = TRY(document_of(*TRY(context.engine()), args.words().front(), args.flag("name", true)));
  const auto text = dump_json(document, {.indent = args.flag("compact") ? -1 : 1, .escape_html = false}) + "\n";
  const auto file = args.text("filename");
  if (file.empty()) {
    context.output().print(text);
    return 0;
  }
  const auto path = TRY(absolute_path(file));
  const Fd out = TRY(open_path(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  TRY(write_all(out.get(), text, "'" + printable(path) + "'"));
  context.output().line(path);
  return 0;
}

}  // namespace

constexpr Command k_generate_spec_command = {.name = "generate spec",
                                             .aliases = {},
                                             .usage = "[options] CONTAINER|POD",
                                             .summary = "Tell a container or a pod as podman's API makes one",
                                             .options = {group<k_spec_options>},
                                             .least_words = 1,
                                             .most_words = 1,
                                             .complete = Complete::containers,
                                             .run = generate_spec};

}  // namespace ctr::cli
