// The variables of a container, and its resources.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/kube/quantity.h"
#include "engine/kube/reader.h"

namespace ctr::engine::kube {

namespace {

// What is computed of it stays a number.
constexpr int64_t k_most_milli_cpus = 1'000'000'000'000;

// "metadata.labels['app']": the key; nullopt for another path.
std::optional<std::string> subscript(std::string_view path, std::string_view map) {
  if (!path.starts_with(map) || !path.substr(map.size()).starts_with("['") || !path.ends_with("']")) return {};
  path.remove_prefix(map.size() + 2);
  path.remove_suffix(2);
  return std::string(path);
}

// key="value" in lines, as files of the downward API have them.
std::string lines_of(const std::map<std::string, std::string>& map) {
  std::vector<std::string> lines;
  for (const auto& [key, value] : map) lines.push_back(fmt::format("{}={}", key, dump_json(Json(value))));
  return join(lines, "\n");
}

// What a container may have: its limit, else what there is on this machine. Of requests the limit counts, too.
struct Amounts {
  std::optional<int64_t> milli_cpus, memory_bytes;
};

Amounts amounts_of(const ResourceSpec& limits, bool requests, const Choices& choices) {
  Amounts amounts;
  if (limits.cpu_quota_us) amounts.milli_cpus = *limits.cpu_quota_us / 100;
  amounts.memory_bytes = limits.memory_bytes;
  if (requests) {
    if (limits.cpu_shares) amounts.milli_cpus = static_cast<int64_t>(*limits.cpu_shares * 1000 / 1024);
    if (limits.memory_reservation_bytes) amounts.memory_bytes = limits.memory_reservation_bytes;
    return {amounts.milli_cpus.value_or(0), amounts.memory_bytes.value_or(0)};
  }
  if (!amounts.milli_cpus && choices.node_cpus > 0) amounts.milli_cpus = choices.node_cpus * 1000;
  if (!amounts.memory_bytes && choices.node_memory_bytes > 0) amounts.memory_bytes = choices.node_memory_bytes;
  return amounts;
}

// nullopt: the variable is left out.
Result<std::optional<std::string>> key_value(Fields& fields, const DataObject* object, const std::string& key,
                                             bool optional) {
  if (object != nullptr) {
    const auto found = object->data.find(key);
    if (found != object->data.end() && !object->binary.contains(key)) return std::optional(found->second);
  }
  if (optional) return std::optional<std::string>();
  return fields.wrong("key",
                      fmt::format("'{}' has no key '{}'", object == nullptr ? "" : object->name, printable(key)));
}

Result<std::optional<std::string>> reference_value(Fields& fields, PodContext& context, bool secret) {
  const auto name = TRY(fields.get_text("name"));
  const auto key = TRY(fields.get_text("key"));
  const bool optional = TRY(fields.flag_or("optional", false));
  TRY(fields.finish());
  const auto* object = secret ? TRY(find_secret(fields, context.objects, context.choices, name, optional))
                              : TRY(find_config_map(fields, context.objects, name, optional));
  return key_value(fields, object, key, optional);
}

Result<std::optional<std::string>> value_from(Fields& from, PodContext& context, const ResourceSpec& limits) {
  std::optional<std::string> value;
  if (auto fields = TRY(from.find_map("configMapKeyRef"))) {
    value = TRY(reference_value(*fields, context, false));
  } else if (auto secret = TRY(from.find_map("secretKeyRef"))) {
    value = TRY(reference_value(*secret, context, true));
  } else if (auto field = TRY(from.find_map("fieldRef"))) {
    value = TRY(read_pod_field(*field, context, FieldFor::variable));
  } else if (auto resource = TRY(from.find_map("resourceFieldRef"))) {
    value = TRY(read_resource_field(*resource, &limits, context));
  } else {
    TRY(from.finish());
    return from.wrong("", "says no source");
  }
  TRY(from.finish());
  return value;
}

void set(EnvPlan& env, const std::string& name, std::string value) {
  if (env.values.contains(name)) {
    std::erase_if(env.entries, [&](const std::string& entry) { return entry.starts_with(name + "="); });
  }
  env.entries.push_back(name + "=" + value);
  env.values.insert_or_assign(name, std::move(value));
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && name.find('=') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

Result<void> add_all(Fields& from, PodContext& context, EnvPlan& env) {
  const auto prefix = TRY(from.text_or("prefix", ""));
  bool any = false;
  for (const auto* key : {"configMapRef", "secretRef"}) {
    auto fields = TRY(from.find_map(key));
    if (!fields) continue;
    any = true;
    const auto name = TRY(fields->get_text("name"));
    const bool optional = TRY(fields->flag_or("optional", false));
    TRY(fields->finish());
    const auto* object = std::string_view(key) == "secretRef"
                             ? TRY(find_secret(*fields, context.objects, context.choices, name, optional))
                             : TRY(find_config_map(*fields, context.objects, name, optional));
    if (object == nullptr) continue;
    for (const auto& [variable, value] : object->data) {
      if (object->binary.contains(variable)) continue;
      // As everywhere in C: what follows a NUL byte would be lost.
      if (value.find('\0') != std::string::npos) {
        return fields->wrong("", fmt::format("the value of '{}' has a NUL byte", printable(variable)));
      }
      TRY(fields->charge("", value.size()));
      set(env, prefix + variable, value);
    }
  }
  TRY(from.finish());
  if (!any) return from.wrong("", "says no source");
  return ok();
}

Result<void> read_amounts(Fields& fields, bool limits, ContainerSpec& spec) {
  const auto amount = [&](std::string_view key, auto parse) -> Result<std::optional<int64_t>> {
    const auto text = TRY(fields.find_text(key));
    if (!text) return std::optional<int64_t>();
    const auto value = parse(*text);
    if (!value) return fields.wrong(key, value.error().message());
    return std::optional(*value);
  };
  const auto memory = TRY(amount("memory", parse_quantity));
  const auto milli = TRY(amount("cpu", parse_quantity_milli));
  if (milli.value_or(0) > k_most_milli_cpus) return fields.wrong("cpu", "is more than a thousand million processors");
  auto& resources = spec.resources;
  if (limits) {
    if (memory) resources.memory_bytes = *memory;
    if (milli && *milli > 0) {
      resources.cpu_period_us = 100'000;
      resources.cpu_quota_us = *milli * 100;
    }
  } else {
    if (memory) resources.memory_reservation_bytes = *memory;
    if (milli) resources.cpu_shares = static_cast<uint64_t>(std::max<int64_t>(*milli * 1024 / 1000, 2));
  }
  return fields.finish();
}

}  // namespace

Result<std::string> read_resource_field(Fields& fields, const ResourceSpec* own, const PodContext& context) {
  const auto resource = TRY(fields.get_text("resource"));
  const auto divisor_text = TRY(fields.text_or("divisor", "1"));
  const auto container = TRY(fields.text_or("containerName", ""));
  TRY(fields.finish());
  const auto divisor = parse_quantity_milli(divisor_text == "0" ? "1" : divisor_text);
  if (!divisor || *divisor <= 0) return fields.wrong("divisor", "is not an amount");
  if (const auto named = context.resources.find(container); named != context.resources.end()) {
    own = &named->second;
  } else if (!container.empty() || own == nullptr) {
    return fields.wrong("containerName", fmt::format("there is no container '{}'", printable(container)));
  }
  const auto amounts = amounts_of(*own, resource.starts_with("requests."), context.choices);
  std::optional<int64_t> amount;
  int64_t unit = *divisor;
  if (resource == "limits.cpu" || resource == "requests.cpu") {
    amount = amounts.milli_cpus;
  } else if (resource == "limits.memory" || resource == "requests.memory") {
    amount = amounts.memory_bytes;
    unit = std::max<int64_t>(*divisor / 1000, 1);
  } else {
    return fields.wrong("resource", fmt::format("'{}' is not supported", printable(resource)));
  }
  if (!amount) return fields.wrong("resource", "the container has no such limit");
  return std::to_string(*amount / unit + (*amount % unit == 0 ? 0 : 1));
}

Result<std::string> read_pod_field(Fields& fields, const PodContext& context, FieldFor use) {
  const auto path = TRY(fields.get_text("fieldPath"));
  fields.skip({"apiVersion"});
  TRY(fields.finish());
  const auto value_of = [](const std::map<std::string, std::string>& map, const std::string& key) {
    const auto found = map.find(key);
    return found == map.end() ? std::string() : found->second;
  };
  if (path == "metadata.name") return context.pod_name;
  if (path == "metadata.namespace") return std::string("default");
  if (path == "spec.nodeName") return context.choices.node_name;
  if (path == "spec.serviceAccountName") return context.service_account;
  if (use == FieldFor::file && path == "metadata.labels") return lines_of(context.metadata.labels);
  if (use == FieldFor::file && path == "metadata.annotations") return lines_of(context.metadata.annotations);
  if (const auto key = subscript(path, "metadata.labels")) return value_of(context.metadata.labels, *key);
  if (const auto key = subscript(path, "metadata.annotations")) return value_of(context.metadata.annotations, *key);
  return fields.wrong("fieldPath",
                      fmt::format("'{}' is not supported: it is not known before the pod runs", printable(path)));
}

Result<std::string> expand(const Fields& at, std::string_view key, const std::string& text,
                           const std::map<std::string, std::string>& env) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
    } else if (text[i + 1] == '$') {
      out += '$';
      ++i;
    } else if (text[i + 1] == '(') {
      const size_t end = text.find(')', i);
      const auto found = end == std::string::npos ? env.end() : env.find(text.substr(i + 2, end - i - 2));
      if (found == env.end()) {
        out += '$';
        continue;
      }
      TRY(at.charge(key, found->second.size()));
      out += found->second;
      i = end;
    } else {
      out += '$';
    }
  }
  return out;
}

Result<EnvPlan> read_env(Fields& container, PodContext& context, const ResourceSpec& limits) {
  EnvPlan env;
  for (auto& from : TRY(container.maps("envFrom"))) TRY(add_all(from, context, env));
  for (auto& entry : TRY(container.maps("env"))) {
    const auto name = TRY(entry.get_text("name"));
    if (!is_variable_name(name)) return entry.wrong("name", "is not a name of a variable");
    auto value = TRY(entry.find_text("value"));
    auto from = TRY(entry.find_map("valueFrom"));
    if (value && from) return entry.wrong("", "value and valueFrom exclude each other");
    TRY(entry.finish());
    if (from) {
      value = TRY(value_from(*from, context, limits));
      if (!value) continue;
      if (value->find('\0') != std::string::npos) return entry.wrong("", "the value has a NUL byte");
      TRY(entry.charge("valueFrom", value->size()));
      set(env, name, std::move(*value));
    } else {
      set(env, name, TRY(expand(entry, "value", value.value_or(""), env.values)));
    }
  }
  return env;
}

Result<void> read_resources(Fields& container, ContainerSpec& spec) {
  auto fields = TRY(container.find_map("resources"));
  if (!fields) return ok();
  if (auto limits = TRY(fields->find_map("limits"))) TRY(read_amounts(*limits, true, spec));
  if (auto requests = TRY(fields->find_map("requests"))) TRY(read_amounts(*requests, false, spec));
  return fields->finish();
}

}  // namespace ctr::engine::kube
