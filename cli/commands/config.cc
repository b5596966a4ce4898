// config show.
#include "engine/config.h"

#include <fmt/format.h>

#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/report.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    value("format", 0, "FORMAT", "json"),
    flag("origin", 0, "Say where each value comes from"),
};

constexpr std::string_view k_default_origin = "default";

std::string origin_of(const engine::Config& config, const engine::ConfigValue& value) {
  const auto found = config.origins.find(value.table + "." + value.key);
  return found == config.origins.end() ? std::string(k_default_origin) : found->second;
}

// A file of the same format; what is not set stands in a comment.
void print_toml(Output& output, const engine::Config& config, bool with_origin) {
  std::string table;
  for (const auto& value : engine::config_values(config)) {
    if (value.table != table) {
      output.line(fmt::format("{}[{}]", table.empty() ? "" : "\n", value.table));
      table = value.table;
    }
    const auto text = value.value.is_null() ? fmt::format("# {} =", value.key)
                                            : fmt::format("{} = {}", value.key, dump_json(value.value));
    output.line(with_origin ? fmt::format("{:<40} # {}", text, origin_of(config, value)) : text);
  }
}

Json as_json(const engine::Config& config, bool with_origin) {
  Json document = Json::object();
  for (const auto& value : engine::config_values(config)) {
    Json shown =
        with_origin ? Json::object().set("value", value.value).set("origin", origin_of(config, value)) : value.value;
    const auto* table = document.find(value.table);
    Json members = table ? *table : Json::object();
    document.set(value.table, members.set(value.key, std::move(shown)));
  }
  return document;
}

Result<int> show(Context& context, const Args& args) {
  const std::string format = args.text("format");
  if (!format.empty() && !is_json_format(format)) return Error(Errc::invalid, "--format must be json");
  const auto* config = TRY(TRY(context.engine())->config());
  if (format.empty()) {
    print_toml(context.output(), *config, args.flag("origin"));
  } else {
    context.output().print(pretty(as_json(*config, args.flag("origin")), 2));
  }
  return 0;
}

}  // namespace

constexpr Command k_config_show_command = {.name = "config show",
                                           .aliases = {},
                                           .usage = "[options]",
                                           .summary = "Print what the configuration files come to",
                                           .options = {group<k_options>},
                                           .most_words = 0,
                                           .run = show};

}  // namespace ctr::cli
