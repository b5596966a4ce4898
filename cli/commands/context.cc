// context: what scripts ask that know docker. There is one context, this host.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/report.h"

namespace ctr::cli {
namespace {

constexpr const char* k_only = "default";

constexpr std::array k_ls_options = {
    value("format", 0, "FORMAT", "json, or a Go template"),
    flag("quiet", 'q', "Only names"),
};
constexpr std::array k_inspect_options = {value("format", 'f', "FORMAT", "json, or a Go template")};

Result<void> check_names(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (name == k_only) continue;
    return Error(Errc::not_found, fmt::format("context \"{}\" does not exist", printable(name)))
        .with_hint("the only one is default: ctr works on this host");
  }
  return ok();
}

Json row() {
  return Json::object()
      .set("Name", k_only)
      .set("Current", true)
      .set("Description", "Containers of this user")
      .set("DockerEndpoint", "")
      .set("Error", "")
      .set("ContextType", "moby");
}

Result<int> ls(Context& context, const Args& args) {
  Output& output = context.output();
  const std::string format = args.text("format");
  if (args.flag("quiet")) return output.line(k_only), 0;
  // As in docker an object a line.
  if (is_json_format(format)) return output.line(dump_json(row())), 0;
  Listing listing;
  listing.name = "context";
  listing.types.root = "*context.Context";
  listing.columns = {"Name", "Description", "DockerEndpoint", "Error"};
  Json rows = Json::array();
  rows.push(row());
  output.print(TRY(print_listing(listing, format, rows, Heading::yes)));
  return 0;
}

Result<int> show(Context& context, const Args&) { return context.output().line(k_only), 0; }

Result<int> use(Context& context, const Args& args) {
  TRY(check_names(args.words()));
  return context.output().line(k_only), 0;
}

Result<int> inspect(Context& context, const Args& args) {
  TRY(check_names(args.words()));
  Listing listing;
  listing.name = "context";
  listing.types.root = "*context.Context";
  Json rows = Json::array();
  rows.push(Json::object().set("Name", k_only).set("Metadata", Json::object()).set("Endpoints", Json::object()));
  const std::string format = args.text("format");
  context.output().print(format.empty() || is_json_format(format)
                             ? pretty(rows, 4)
                             : TRY(print_format(listing, format, rows, Heading::no)));
  return 0;
}

constexpr std::string_view k_ls_aliases[] = {"context list"};

}  // namespace

constexpr Command k_context_ls_command = {.name = "context ls",
                                          .aliases = k_ls_aliases,
                                          .usage = "[options]",
                                          .summary = "List contexts, of which there is one",
                                          .options = {group<k_ls_options>},
                                          .most_words = 0,
                                          .hidden = true,
                                          .run = ls};

constexpr Command k_context_show_command = {.name = "context show",
                                            .aliases = {},
                                            .usage = "",
                                            .summary = "Print the name of the context",
                                            .most_words = 0,
                                            .hidden = true,
                                            .run = show};

constexpr Command k_context_use_command = {.name = "context use",
                                           .aliases = {},
                                           .usage = "CONTEXT",
                                           .summary = "Accept the context that is used already",
                                           .least_words = 1,
                                           .most_words = 1,
                                           .hidden = true,
                                           .run = use};

constexpr Command k_context_inspect_command = {.name = "context inspect",
                                               .aliases = {},
                                               .usage = "[options] [CONTEXT...]",
                                               .summary = "Print what is known of the context",
                                               .options = {group<k_inspect_options>},
                                               .hidden = true,
                                               .run = inspect};

}  // namespace ctr::cli
