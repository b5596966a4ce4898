#include "base/oci/image_config.h"

#include <utility>

#include "base/text.h"

namespace ctr::oci {
namespace {

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

// The kernel ends strings at NUL: a value with one inside would mean one thing to a check and another to execve.
Result<void> refuse_nul(const JsonReader& reader, std::string_view key, const std::vector<std::string>& values) {
  for (const auto& value : values) {
    if (has_nul(value)) return reader.wrong(key, "text without NUL bytes");
  }
  return ok();
}

Result<std::vector<std::string>> read_words(const JsonReader& reader, std::string_view key) {
  auto words = TRY(reader.strings(key));
  TRY(refuse_nul(reader, key, words));
  return words;
}

Result<std::string> read_text(const JsonReader& reader, std::string_view key) {
  auto text = TRY(reader.string_or(key, ""));
  TRY(refuse_nul(reader, key, {text}));
  return text;
}

// Go's map[string]struct{}: only the keys count.
Result<std::set<std::string>> read_key_set(const JsonReader& reader, std::string_view key) {
  std::set<std::string> keys;
  const auto object = TRY(reader.find_object(key));
  if (!object) return keys;
  for (const auto& [name, unused] : object->value().as_object()) {
    TRY(refuse_nul(reader, key, {name}));
    keys.insert(name);
  }
  return keys;
}

Result<std::optional<TimePoint>> read_time(const JsonReader& reader, std::string_view key) {
  const auto text = TRY(reader.find_string(key));
  if (!text || text->empty()) return std::optional<TimePoint>();
  auto time = parse_rfc3339(*text, reader.path() + "." + std::string(key));
  if (!time) return std::move(time).error();
  return std::optional(*time);
}

Result<std::optional<HealthConfig>> read_health(const JsonReader& reader) {
  const auto object = TRY(reader.find_object("Healthcheck"));
  if (!object) return std::optional<HealthConfig>();
  HealthConfig health;
  health.test = TRY(read_words(*object, "Test"));
  health.interval = std::chrono::nanoseconds(TRY(object->int_or("Interval", 0)));
  health.timeout = std::chrono::nanoseconds(TRY(object->int_or("Timeout", 0)));
  health.start_period = std::chrono::nanoseconds(TRY(object->int_or("StartPeriod", 0)));
  const int64_t retries = TRY(object->int_or("Retries", 0));
  if (retries < 0 || retries > INT32_MAX) return object->wrong("Retries", "a small number");
  health.retries = static_cast<int>(retries);
  return std::optional(health);
}

Result<void> read_defaults(const JsonReader& reader, ImageConfig& config) {
  config.user = TRY(read_text(reader, "User"));
  for (auto& entry : TRY(read_words(reader, "Env"))) {
    const auto equals = entry.find('=');
    if (equals != std::string::npos && equals > 0) config.env.push_back(std::move(entry));
  }
  config.entrypoint = TRY(read_words(reader, "Entrypoint"));
  config.cmd = TRY(read_words(reader, "Cmd"));
  config.working_dir = TRY(read_text(reader, "WorkingDir"));
  config.labels = TRY(reader.string_map("Labels"));
  config.exposed_ports = TRY(read_key_set(reader, "ExposedPorts"));
  config.volumes = TRY(read_key_set(reader, "Volumes"));
  config.stop_signal = TRY(read_text(reader, "StopSignal"));
  config.on_build = TRY(read_words(reader, "OnBuild"));
  config.shell = TRY(read_words(reader, "Shell"));
  config.health = TRY(read_health(reader));
  return ok();
}

Result<std::vector<DiffId>> read_diff_ids(const JsonReader& reader) {
  const auto rootfs = TRY(reader.find_object("rootfs"));
  if (!rootfs) return Error(Errc::corrupt, reader.path() + ": 'rootfs' is missing");
  const std::string type = TRY(rootfs->string_or("type", ""));
  if (type != "layers") return rootfs->wrong("type", "'layers'");
  std::vector<DiffId> diff_ids;
  for (const auto& text : TRY(rootfs->strings("diff_ids"))) {
    auto digest = Digest::parse(text);
    if (!digest) return rootfs->wrong("diff_ids", "a list of digests");
    diff_ids.push_back({std::move(*digest)});
  }
  return diff_ids;
}

Result<std::vector<HistoryEntry>> read_history(const JsonReader& reader) {
  std::vector<HistoryEntry> history;
  for (const auto& element : TRY(reader.elements("history"))) {
    TRY(element.expect_object());
    HistoryEntry entry;
    entry.created = TRY(read_time(element, "created"));
    entry.created_by = TRY(element.string_or("created_by", ""));
    entry.author = TRY(element.string_or("author", ""));
    entry.comment = TRY(element.string_or("comment", ""));
    entry.empty_layer = TRY(element.bool_or("empty_layer", false));
    history.push_back(std::move(entry));
  }
  return history;
}

Result<ImageConfig> read_config(const JsonReader& reader) {
  TRY(reader.expect_object());
  ImageConfig config;
  config.created = TRY(read_time(reader, "created"));
  config.author = TRY(reader.string_or("author", ""));
  config.platform.os = TRY(reader.string_or("os", ""));
  config.platform.architecture = TRY(reader.string_or("architecture", ""));
  config.platform.variant = TRY(reader.string_or("variant", ""));
  if (const auto defaults = TRY(reader.find_object("config"))) TRY(read_defaults(*defaults, config));
  config.diff_ids = TRY(read_diff_ids(reader));
  config.history = TRY(read_history(reader));
  return config;
}

void set_text(Json& object, const char* key, const std::string& text) {
  if (!text.empty()) object.set(key, text);
}

void set_words(Json& object, const char* key, const std::vector<std::string>& words) {
  if (!words.empty()) object.set(key, Json::strings(words));
}

void set_key_set(Json& object, const char* key, const std::set<std::string>& keys) {
  if (keys.empty()) return;
  Json members = Json::object();
  for (const auto& name : keys) members.set(name, Json::object());
  object.set(key, std::move(members));
}

Json health_to_json(const HealthConfig& health) {
  Json value = Json::object();
  set_words(value, "Test", health.test);
  if (health.interval.count() != 0) value.set("Interval", int64_t{health.interval.count()});
  if (health.timeout.count() != 0) value.set("Timeout", int64_t{health.timeout.count()});
  if (health.start_period.count() != 0) value.set("StartPeriod", int64_t{health.start_period.count()});
  if (health.retries != 0) value.set("Retries", health.retries);
  return value;
}

Json defaults_to_json(const ImageConfig& config) {
  Json value = Json::object();
  set_text(value, "User", config.user);
  set_key_set(value, "ExposedPorts", config.exposed_ports);
  set_words(value, "Env", config.env);
  set_words(value, "Entrypoint", config.entrypoint);
  set_words(value, "Cmd", config.cmd);
  set_key_set(value, "Volumes", config.volumes);
  set_text(value, "WorkingDir", config.working_dir);
  if (!config.labels.empty()) value.set("Labels", Json::string_map(config.labels));
  set_text(value, "StopSignal", config.stop_signal);
  if (config.health) value.set("Healthcheck", health_to_json(*config.health));
  set_words(value, "Shell", config.shell);
  set_words(value, "OnBuild", config.on_build);
  return value;
}

Json history_to_json(const HistoryEntry& entry) {
  Json value = Json::object();
  if (entry.created) value.set("created", format_rfc3339(*entry.created));
  set_text(value, "created_by", entry.created_by);
  set_text(value, "author", entry.author);
  set_text(value, "comment", entry.comment);
  if (entry.empty_layer) value.set("empty_layer", true);
  return value;
}

}  // namespace

ChainId chain_id(const std::vector<DiffId>& layers) {
  CTR_ASSERT(!layers.empty());
  Digest chain = layers.front().digest;
  for (size_t i = 1; i < layers.size(); ++i) {
    chain = digest_of(chain.to_string() + " " + layers[i].digest.to_string());
  }
  return {chain};
}

Result<ImageConfig> parse_image_config(std::string_view document) {
  auto json = parse_json(document, "image configuration");
  if (!json) return std::move(json).error().with_code(Errc::corrupt);
  auto config = read_config(JsonReader(*json, "image configuration"));
  if (!config) return std::move(config).error().with_code(Errc::corrupt);
  return config;
}

Json to_json(const ImageConfig& config) {
  Json value = Json::object();
  if (config.created) value.set("created", format_rfc3339(*config.created));
  set_text(value, "author", config.author);
  value.set("architecture", config.platform.architecture).set("os", config.platform.os);
  set_text(value, "variant", config.platform.variant);
  value.set("config", defaults_to_json(config));
  std::vector<std::string> diff_ids;
  for (const auto& diff_id : config.diff_ids) diff_ids.push_back(diff_id.digest.to_string());
  Json rootfs = Json::object();
  rootfs.set("type", "layers").set("diff_ids", Json::strings(diff_ids));
  value.set("rootfs", std::move(rootfs));
  Json history = Json::array();
  for (const auto& entry : config.history) history.push(history_to_json(entry));
  if (!config.history.empty()) value.set("history", std::move(history));
  return value;
}

}  // namespace ctr::oci
