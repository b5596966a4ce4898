#include "engine/inspect.h"

namespace ctr::engine {

namespace {

// {"80/tcp": {}} as Go prints a set.
Json set_json(const std::set<std::string>& names) {
  Json json = Json::object();
  for (const auto& name : names) json.set(name, Json::object());
  return json;
}

Json config_json(const oci::ImageConfig& config) {
  Json json = Json::object();
  if (!config.user.empty()) json.set("User", config.user);
  if (!config.exposed_ports.empty()) json.set("ExposedPorts", set_json(config.exposed_ports));
  if (!config.env.empty()) json.set("Env", Json::strings(config.env));
  if (!config.entrypoint.empty()) json.set("Entrypoint", Json::strings(config.entrypoint));
  if (!config.cmd.empty()) json.set("Cmd", Json::strings(config.cmd));
  if (!config.volumes.empty()) json.set("Volumes", set_json(config.volumes));
  if (!config.working_dir.empty()) json.set("WorkingDir", config.working_dir);
  if (!config.labels.empty()) json.set("Labels", Json::string_map(config.labels));
  if (!config.stop_signal.empty()) json.set("StopSignal", config.stop_signal);
  if (!config.on_build.empty()) json.set("OnBuild", Json::strings(config.on_build));
  if (!config.shell.empty()) json.set("Shell", Json::strings(config.shell));
  return json;
}

Json history_json(const std::vector<oci::HistoryEntry>& history) {
  Json json = Json::array();
  for (const auto& entry : history) {
    Json line = Json::object();
    if (entry.created) line.set("created", format_rfc3339(*entry.created));
    if (!entry.created_by.empty()) line.set("created_by", entry.created_by);
    if (!entry.author.empty()) line.set("author", entry.author);
    if (!entry.comment.empty()) line.set("comment", entry.comment);
    if (entry.empty_layer) line.set("empty_layer", true);
    json.push(std::move(line));
  }
  return json;
}

// The directories that a container of this image is stacked on, as overlay drivers name them.
Json graph_driver_json(const ImageInfo& info, const storage::Store& store, std::string_view driver) {
  Json data = Json::object();
  std::string lower;
  const auto& layers = info.config.diff_ids;
  for (size_t i = layers.size(); i > 0; --i) {
    const auto place = store.layers().locate(layers[i - 1]);
    const auto path = place && *place ? (*place)->diff_path : store.layers().diff_path(layers[i - 1]);
    if (i == layers.size()) {
      data.set("UpperDir", path);
    } else {
      lower += (lower.empty() ? "" : ":") + path;
    }
  }
  if (!lower.empty()) data.set("LowerDir", lower);
  return Json::object().set("Name", driver).set("Data", std::move(data));
}

}  // namespace

Json health_json(const oci::HealthConfig& health) {
  Json json = Json::object();
  json.set("Test", Json::strings(health.test));
  if (health.start_period.count() > 0) json.set("StartPeriod", static_cast<int64_t>(health.start_period.count()));
  if (health.interval.count() > 0) json.set("Interval", static_cast<int64_t>(health.interval.count()));
  if (health.timeout.count() > 0) json.set("Timeout", static_cast<int64_t>(health.timeout.count()));
  if (health.retries > 0) json.set("Retries", health.retries);
  return json;
}

Json inspect_document(const ImageInfo& info, const storage::Store& store, std::string_view driver) {
  const auto& config = info.config;
  Json layers = Json::array();
  for (const auto& diff_id : config.diff_ids) layers.push(diff_id.digest.to_string());
  Json json = Json::object();
  json.set("Id", info.id)
      .set("Digest", info.manifest.digest.to_string())
      .set("RepoTags", Json::strings(info.names))
      .set("RepoDigests", Json::strings(info.repo_digests))
      .set("Parent", "")
      .set("Comment", config.history.empty() ? "" : config.history.back().comment)
      .set("Created", format_rfc3339(info.created))
      .set("Config", config_json(config))
      .set("Version", "")
      .set("Author", config.author)
      .set("Architecture", config.platform.architecture)
      .set("Os", config.platform.os)
      .set("Size", info.size_bytes)
      .set("VirtualSize", info.size_bytes)
      .set("GraphDriver", graph_driver_json(info, store, driver))
      .set("RootFS", Json::object().set("Type", "layers").set("Layers", std::move(layers)))
      .set("Labels", config.labels.empty() ? Json() : Json::string_map(config.labels))
      .set("Annotations", Json::string_map(info.manifest.annotations))
      .set("ManifestType", info.manifest.media_type)
      .set("User", config.user)
      .set("History", history_json(config.history))
      .set("NamesHistory", Json::strings(info.name_history));
  if (config.health) json.set("Healthcheck", health_json(*config.health));
  if (!config.platform.variant.empty()) json.set("Variant", config.platform.variant);
  return json;
}

}  // namespace ctr::engine
