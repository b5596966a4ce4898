// inspect, container inspect, image inspect.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/inspect_view.h"
#include "cli/output.h"
#include "cli/pod_view.h"
#include "engine/pods.h"

namespace ctr::cli {
namespace {

constexpr std::array k_format_options = {
    value("format", 'f', "FORMAT", "json, or a Go template that is printed for each object")};
constexpr std::array k_size_options = {flag("size", 's', "Measure the container's files")};
constexpr std::array k_type_options = {value("type", 't', "TYPE", "container, image, pod or all")};

enum class Kind { container, image, pod, any };

struct Found {
  Json documents = Json::array();
  Kind shape = Kind::container;  // a template needs one: that of the first object
  std::vector<Error> errors;
};

Result<void> add_container(engine::Engine& engine, const engine::ContainerInfo& info, bool size, Found& found) {
  found.documents.push(TRY(engine.inspect_container(info, size)));
  return ok();
}

void add(Json document, Kind shape, Found& found) {
  if (found.documents.as_array().empty()) found.shape = shape;
  found.documents.push(std::move(document));
}

Result<void> look_up_pod(engine::Engine& engine, const std::string& name, Kind kind, Found& found) {
  auto& verbs = engine::pod_verbs(engine);
  const auto pod = verbs.find(name);
  if (!pod && kind == Kind::any && pod.error().code() == Errc::not_found) {
    return Error(Errc::not_found, fmt::format("no such object: \"{}\"", printable(name)));
  }
  if (!pod) return pod.error();
  add(TRY(verbs.inspect(*pod)), Kind::pod, found);
  return ok();
}

// podman: a container of that name wins over an image.
Result<void> look_up(engine::Engine& engine, const std::string& name, Kind kind, bool size, Found& found) {
  if (kind == Kind::pod) return look_up_pod(engine, name, kind, found);
  if (kind != Kind::image) {
    auto info = engine.find_container(name);
    if (info) return add_container(engine, *info, size, found);
    if (kind == Kind::container || info.error().code() != Errc::not_found) return std::move(info).error();
  }
  auto image = engine.find_image(name);
  if (image) {
    add(TRY(engine.inspect_image(*image)), Kind::image, found);
    return ok();
  }
  if (kind == Kind::image || image.error().code() != Errc::not_found) return std::move(image).error();
  return look_up_pod(engine, name, kind, found);
}

Result<int> show(Context& context, const Args& args, Kind kind, bool latest, bool size) {
  auto* engine = TRY(context.engine());
  Found found;
  if (latest) {
    if (!args.words().empty()) return Error(Errc::invalid, "--latest and arguments cannot be used together");
    auto one = TRY(one_container(context, args));
    TRY(add_container(*engine, one.info, size, found));
  } else if (args.words().empty()) {
    return Error(Errc::invalid, "no names or ids specified");
  }
  for (const auto& name : args.words()) {
    auto looked = look_up(*engine, name, kind, size, found);
    if (!looked) found.errors.push_back(std::move(looked).error());
  }
  const auto listing = found.shape == Kind::image ? image_inspect_listing()
                       : found.shape == Kind::pod ? pod_inspect_listing()
                                                  : container_inspect_listing();
  auto text = print_documents(listing, found.documents, args.text("format"));
  if (!text) return std::move(text).error();
  context.output().print(*text);
  for (const auto& error : found.errors) context.output().error(error);
  return found.errors.empty() ? 0 : 125;
}

Result<int> inspect(Context& context, const Args& args) {
  const std::string type = args.text("type", "all");
  if (type != "all" && type != "container" && type != "image" && type != "pod") {
    return Error(Errc::invalid, fmt::format("invalid type \"{}\": must be \"container\", \"image\", \"pod\" or \"all\"",
                                            printable(type)));
  }
  const Kind kind = type == "all"     ? Kind::any
                    : type == "image" ? Kind::image
                    : type == "pod"   ? Kind::pod
                                      : Kind::container;
  const bool of_containers = args.flag("size") || args.flag("latest");
  if ((kind == Kind::image || kind == Kind::pod) && of_containers) {
    return Error(Errc::invalid,
                 fmt::format("{} is not supported for type \"{}\"", args.flag("size") ? "size" : "latest", type));
  }
  return show(context, args, kind, args.flag("latest"), args.flag("size"));
}

Result<int> inspect_container(Context& context, const Args& args) {
  return show(context, args, Kind::container, args.flag("latest"), args.flag("size"));
}

Result<int> inspect_image(Context& context, const Args& args) { return show(context, args, Kind::image, false, false); }

}  // namespace

constexpr Command k_inspect_command = {
    .name = "inspect",
    .aliases = {},
    .usage = "[options] NAME [NAME...]",
    .summary = "Print all that is known of containers, images and pods",
    .options = {group<k_format_options>, group<k_size_options>, group<k_type_options>, latest_options},
    .complete = Complete::objects,
    .run = inspect};

constexpr Command k_container_inspect_command = {
    .name = "container inspect",
    .aliases = {},
    .usage = "[options] CONTAINER [CONTAINER...]",
    .summary = "Print all that is known of containers",
    .options = {group<k_format_options>, group<k_size_options>, latest_options},
    .complete = Complete::containers,
    .run = inspect_container};

constexpr Command k_image_inspect_command = {.name = "image inspect",
                                             .aliases = {},
                                             .usage = "[options] IMAGE [IMAGE...]",
                                             .summary = "Print all that is known of images",
                                             .options = {group<k_format_options>},
                                             .least_words = 1,
                                             .complete = Complete::images,
                                             .run = inspect_image};

}  // namespace ctr::cli
