// config show.
#include "engine/config.h"

#include <fmt/format.h>

#include <map>

#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/report.h"
#include "engine/storage_config.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    value("format", 0, "FORMAT", "json"),
    flag("origin", 0, "Say where each value comes from"),
};

constexpr std::string_view k_default_origin = "default";

// Of containers.conf and storage.conf, whose tables have different names.
struct Shown {
  std::vector<engine::ConfigValue> values;
  std::map<std::string, std::string> origins;
};

std::string origin_of(const Shown& config, const engine::ConfigValue& value) {
  const auto found = config.origins.find(value.table + "." + value.key);
  return found == config.origins.end() ? std::string(k_default_origin) : found->second;
}

// A file of the same format; what is not set stands in a comment.
void print_toml(Output& output, const Shown& config, bool with_origin) {
  std::string table;
  for (const auto& value : config.values) {
    if (value.table != table) {
      output.line(fmt::format("{}[{}]", table.empty() ? "" : "\n", value.table));
      table = value.table;
    }
    const auto text = value.value.is_null() ? fmt::format("# {} =", value.key)
                                            : fmt::format("{} = {}", value.key, dump_json(value.value));
    output.line(with_origin ? fmt::format("{:<40} # {}", text, origin_of(config, value)) : text);
  }
}

Json as_json(const Shown& config, bool with_origin) {
  Json document = Json::object();
  for (const auto& value : config.values) {
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
  auto* engine = TRY(context.engine());
  const auto* config = TRY(engine->config());
  const auto storage = TRY(engine->storage_config());
  Shown shown{engine::config_values(*config), config->origins};
  for (auto& value : engine::storage_values(storage)) shown.values.push_back(std::move(value));
  shown.origins.insert(storage.origins.begin(), storage.origins.end());
  if (format.empty()) {
    print_toml(context.output(), shown, args.flag("origin"));
  } else {
    context.output().print(pretty(as_json(shown, args.flag("origin")), 2));
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
