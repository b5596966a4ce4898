// inspect, container inspect, image inspect.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/inspect_view.h"
#include "cli/network_view.h"
#include "cli/output.h"
#include "cli/pod_view.h"
#include "cli/volume_view.h"
#include "engine/network_verbs.h"
#include "engine/pods.h"

namespace ctr::cli {
namespace {

constexpr std::array k_format_options = {
    value("format", 'f', "FORMAT", "json, or a Go template that is printed for each object")};
constexpr std::array k_size_options = {flag("size", 's', "Measure the container's files")};
constexpr std::array k_type_options = {value("type", 't', "TYPE", "container, image, volume, network, pod or all")};

struct Wanted {
  std::string_view type;  // "all": the first kind that has the name
  bool size = false;
  bool latest = false;
  bool for_template = false;  // templates see fields that JSON leaves out when they are empty
};

struct Found {
  Json documents = Json::array();
  Listing (*listing)() = container_inspect_listing;  // a template needs one shape: that of the first object
  std::vector<Error> errors;
};

Result<Json> find_container_document(engine::Engine& engine, const std::string& name, const Wanted& wanted) {
  return engine.inspect_container(TRY(engine.find_container(name)), wanted.size);
}

Result<Json> find_image_document(engine::Engine& engine, const std::string& name, const Wanted&) {
  return engine.inspect_image(TRY(engine.find_image(name)));
}

Result<Json> find_volume_document(engine::Engine& engine, const std::string& name, const Wanted& wanted) {
  const auto volume = TRY(engine.find_volume(name));
  return wanted.for_template ? volume_row(volume) : volume_json(volume);
}

Result<Json> find_network_document(engine::Engine& engine, const std::string& name, const Wanted& wanted) {
  const auto network = TRY(engine::network_verbs(engine).find(name));
  return wanted.for_template ? network_document(network) : network.definition;
}

Result<Json> find_pod_document(engine::Engine& engine, const std::string& name, const Wanted&) {
  auto& verbs = engine::pod_verbs(engine);
  return verbs.inspect(TRY(verbs.find(name)));
}

struct Kind {
  std::string_view type;
  Result<Json> (*find)(engine::Engine& engine, const std::string& name, const Wanted& wanted);
  Listing (*listing)();
};
// podman: the earlier one wins where several have the name.
constexpr std::array k_kinds = {
    Kind{"container", find_container_document, container_inspect_listing},
    Kind{"image", find_image_document, image_inspect_listing},
    Kind{"volume", find_volume_document, volume_inspect_listing},
    Kind{"network", find_network_document, network_inspect_listing},
    Kind{"pod", find_pod_document, pod_inspect_listing},
};

Result<void> look_up(engine::Engine& engine, const std::string& name, const Wanted& wanted, Found& found) {
  for (const auto& kind : k_kinds) {
    if (wanted.type != "all" && wanted.type != kind.type) continue;
    auto document = kind.find(engine, name, wanted);
    if (document) {
      if (found.documents.as_array().empty()) found.listing = kind.listing;
      found.documents.push(std::move(document).value());
      return ok();
    }
    if (wanted.type != "all" || document.error().code() != Errc::not_found) return std::move(document).error();
  }
  return Error(Errc::not_found, fmt::format("no such object: \"{}\"", printable(name)));
}

Result<int> show(Context& context, const Args& args, Wanted wanted) {
  auto* engine = TRY(context.engine());
  const std::string format = args.text("format");
  wanted.for_template = !format.empty() && !is_json_format(format);
  Found found;
  if (wanted.latest) {
    if (!args.words().empty()) return Error(Errc::invalid, "--latest and arguments cannot be used together");
    found.documents.push(TRY(engine->inspect_container(TRY(one_container(context, args)).info, wanted.size)));
  } else if (args.words().empty()) {
    return Error(Errc::invalid, "no names or ids specified");
  }
  for (const auto& name : args.words()) {
    auto looked = look_up(*engine, name, wanted, found);
    if (!looked) found.errors.push_back(std::move(looked).error());
  }
  auto text = print_documents(found.listing(), found.documents, format);
  if (!text) return std::move(text).error();
  context.output().print(*text);
  for (const auto& error : found.errors) context.output().error(error);
  return found.errors.empty() ? 0 : 125;
}

Result<int> inspect(Context& context, const Args& args) {
  const std::string type = args.text("type", "all");
  const bool known =
      type == "all" || std::any_of(k_kinds.begin(), k_kinds.end(), [&](const Kind& kind) { return kind.type == type; });
  if (!known) {
    return Error(
        Errc::invalid,
        fmt::format(
            "invalid type \"{}\": must be \"container\", \"image\", \"volume\", \"network\", \"pod\" or \"all\"",
            printable(type)));
  }
  if (type != "all" && type != "container" && (args.flag("size") || args.flag("latest"))) {
    return Error(Errc::invalid,
                 fmt::format("{} is not supported for type \"{}\"", args.flag("size") ? "size" : "latest", type));
  }
  return show(context, args, {type, args.flag("size"), args.flag("latest"), false});
}

Result<int> inspect_container(Context& context, const Args& args) {
  return show(context, args, {"container", args.flag("size"), args.flag("latest"), false});
}

Result<int> inspect_image(Context& context, const Args& args) {
  return show(context, args, {"image", false, false, false});
}

}  // namespace

constexpr Command k_inspect_command = {
    .name = "inspect",
    .aliases = {},
    .usage = "[options] NAME [NAME...]",
    .summary = "Print all that is known of containers, images, volumes, networks and pods",
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
