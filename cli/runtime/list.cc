#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"
#include "cli/runtime/common.h"
#include "runtime/container/status.h"

namespace ctr::cli::runtime {
namespace {

constexpr std::array k_options = {
    value("format", 'f', "FORMAT", "table or json"),
    flag("quiet", 'q', "Print ids only"),
};

constexpr std::array<std::string_view, 6> k_columns = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
constexpr std::array<std::string_view, 6> k_fields = {"id", "pid", "status", "bundle", "created", "owner"};

// The states of all containers; one that goes away meanwhile is left out.
Result<Json> all_states(const std::string& root_path) {
  Json out = Json::array();
  const auto root = TRY(ctr::runtime::StateRoot::open(root_path));
  if (!root) return out;
  for (const std::string& id : TRY(root->list())) {
    const auto dir = root->find(id);
    if (!dir) continue;
    const auto record = ctr::runtime::read_record(*dir);
    if (!record) continue;
    const auto view = TRY(ctr::runtime::view_container(*dir, *record));
    out.push(ctr::runtime::state_json(*record, view.status));
  }
  return out;
}

std::string cell(const Json& state, std::string_view field) {
  const Json* value = state.find(field);
  return value->is_string() ? printable(value->as_string()) : std::to_string(value->as_int());
}

std::string table(const Json& states) {
  std::array<size_t, k_columns.size()> widths{};
  for (size_t i = 0; i < k_columns.size(); ++i) {
    widths[i] = k_columns[i].size();
    for (const Json& state : states.as_array()) widths[i] = std::max(widths[i], cell(state, k_fields[i]).size());
  }
  std::string out;
  const auto add_row = [&](auto&& text_of) {
    for (size_t i = 0; i < k_columns.size(); ++i) {
      const bool last = i + 1 == k_columns.size();
      out += last ? std::string(text_of(i)) + "\n" : fmt::format("{:<{}}", text_of(i), widths[i] + 2);
    }
  };
  add_row([](size_t i) { return std::string(k_columns[i]); });
  for (const Json& state : states.as_array()) {
    add_row([&](size_t i) { return cell(state, k_fields[i]); });
  }
  return out;
}

Result<int> list(RuntimeContext& context, const RuntimeArgs& args) {
  const std::string format = args.text("format", "table");
  if (format != "table" && format != "json") {
    return Error(Errc::invalid, fmt::format("--format is table or json, not '{}'", printable(format)));
  }
  const Json states = TRY(all_states(context.globals.root));
  std::string text;
  if (args.flag("quiet")) {
    for (const Json& state : states.as_array()) text += cell(state, "id") + "\n";
  } else {
    text = format == "json" ? dump_json(states) + "\n" : table(states);
  }
  TRY(print_result(text));
  return 0;
}

}  // namespace

const RuntimeCommand k_runtime_list = {.name = "list",
                                       .usage = "[OPTION]...",
                                       .summary = "List the containers below the root",
                                       .options = k_options,
                                       .most_words = 0,
                                       .run = list};

}  // namespace ctr::cli::runtime
