#include "engine/log_choice.h"

#include <fmt/format.h>

#include <array>

#include "base/journal.h"
#include "base/parse.h"
#include "base/text.h"

namespace ctr::engine {
namespace {

using Driver = runtime::LogPlan::Driver;

// In front of the names of labels among the options of a log.
constexpr std::string_view k_label = "label.";

Result<Driver> find_driver(Core& core, const ContainerSpec& spec) {
  const bool asked = !spec.log.driver.empty();
  const std::string name = asked ? spec.log.driver : TRY(core.config())->log_driver;
  if (name == "k8s-file" || name == "json-file") return Driver::k8s_file;
  if (name == "none") return Driver::none;
  if (name == "passthrough" || name == "passthrough-tty") return Driver::passthrough;
  if (name != "journald") {
    return Error(Errc::unsupported, fmt::format("the log driver '{}' is not supported", printable(name)))
        .with_hint("choose k8s-file, json-file, journald, passthrough, passthrough-tty or none");
  }
  const auto journal = Journal::connect();
  if (journal) return Driver::journald;
  if (!asked) return Driver::k8s_file;
  return Error(journal.error().code(), fmt::format("the log driver journald needs systemd-journald, which does not run "
                                                   "here: {}",
                                                   journal.error().text()))
      .with_hint("choose --log-driver k8s-file");
}

}  // namespace

Result<std::string> expand_tag(std::string_view tag, const ContainerRecord& record) {
  const std::array<std::pair<std::string_view, std::string_view>, 4> values = {{
      {".ID", record.id},
      {".Name", record.name},
      {".ImageID", record.image_id},
      {".ImageName", record.image_name},
  }};
  std::string out;
  while (true) {
    const size_t open = tag.find("{{");
    out += tag.substr(0, open);
    if (open == std::string_view::npos) return out;
    const size_t close = tag.find("}}", open);
    const std::string action(trim(tag.substr(open + 2, close == std::string_view::npos ? close : close - open - 2)));
    const std::string_view* found = nullptr;
    for (const auto& [name, value] : values) {
      if (name == action && close != std::string_view::npos) found = &value;
    }
    if (found == nullptr) {
      return Error(Errc::invalid, fmt::format("--log-opt tag: '{{{{{}}}}}' is not known", printable(action)))
          .with_hint("{{.ID}}, {{.Name}}, {{.ImageID}} and {{.ImageName}} can be used");
    }
    out += *found;
    tag.remove_prefix(close + 2);
  }
}

Result<runtime::LogPlan> choose_log(Core& core, const ContainerRecord& record, const std::string& bundle) {
  const auto& spec = record.spec;
  const auto* config = TRY(core.config());
  const auto option = [&](const char* key) {
    const auto found = spec.log.options.find(key);
    return found == spec.log.options.end() ? std::string{} : found->second;
  };
  runtime::LogPlan log;
  log.driver = TRY(find_driver(core, spec));
  log.path = option("path").empty() ? bundle + "/log" : TRY(absolute_path(option("path")));
  const auto max_size = option("max-size");
  if (!max_size.empty()) {
    log.max_size_bytes = TRY(parse_size(max_size, "--log-opt max-size"));
  } else if (config->log_size_max_bytes > 0) {
    log.max_size_bytes = static_cast<uint64_t>(config->log_size_max_bytes);
  }
  log.tag = TRY(expand_tag(option("tag").empty() ? config->log_tag : option("tag"), record));
  for (const auto& [key, value] : spec.log.options) {
    if (key.starts_with(k_label)) log.labels.push_back(key.substr(k_label.size()) + "=" + value);
  }
  return log;
}

}  // namespace ctr::engine
