#include <fmt/format.h>

#include "base/text.h"
#include "runtime/kernel_names.h"
#include "runtime/number_list.h"
#include "runtime/spec_codec.h"
#include "runtime/spec_linux_process.h"

namespace ctr::runtime {
namespace {

Error invalid(const JsonReader& reader, std::string_view key, std::string_view what, const std::string& value) {
  return Error(Errc::invalid,
               fmt::format("{}.{}: invalid memory policy {} '{}'", reader.path(), key, what, printable(value)));
}

}  // namespace

Json personality_to_json(const std::string& domain) {
  Json out = Json::object();
  out.set("domain", domain);
  return out;
}

Result<std::string> personality_from_json(const JsonReader& config) {
  const auto reader = TRY(config.find_object("personality"));
  if (!reader) return std::string();
  std::string domain = TRY(reader->get_string("domain"));
  if (!find_value(personality_domains(), domain)) return reader->wrong("domain", "'LINUX' or 'LINUX32'");
  if (!TRY(reader->strings("flags")).empty()) return reader->wrong("flags", "empty: no flag is supported");
  return domain;
}

Json to_json(const SpecMemoryPolicy& policy) {
  Json out = Json::object();
  out.set("mode", policy.mode);
  set_text(&out, "nodes", policy.nodes);
  set_strings(&out, "flags", policy.flags);
  return out;
}

Result<std::optional<SpecMemoryPolicy>> memory_policy_from_json(const JsonReader& config) {
  const auto reader = TRY(config.find_object("memoryPolicy"));
  if (!reader) return std::optional<SpecMemoryPolicy>();
  SpecMemoryPolicy policy;
  policy.mode = TRY(reader->string_or("mode", ""));
  policy.nodes = TRY(reader->string_or("nodes", ""));
  policy.flags = TRY(reader->strings("flags"));
  if (policy == SpecMemoryPolicy{}) return std::optional<SpecMemoryPolicy>();
  if (!find_value(memory_policy_modes(), policy.mode)) return invalid(*reader, "mode", "mode", policy.mode);
  if (!parse_number_list(policy.nodes, k_highest_node)) return invalid(*reader, "nodes", "node list", policy.nodes);
  for (size_t i = 0; i < policy.flags.size(); ++i) {
    if (find_value(memory_policy_flags(), policy.flags[i])) continue;
    return invalid(*reader, fmt::format("flags[{}]", i), "flag", policy.flags[i]);
  }
  return std::optional<SpecMemoryPolicy>(std::move(policy));
}

}  // namespace ctr::runtime
