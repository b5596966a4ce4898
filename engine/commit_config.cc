#include "engine/commit_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "engine/image_change.h"

namespace ctr::engine {
namespace {

// Where the runtime puts what is neither in the list of mounts nor the container's: --init, secrets.
constexpr std::string_view k_given_places[] = {"/run/podman-init", "/run/secrets"};

std::string key_of(const std::string& variable) { return variable.substr(0, variable.find('=')); }

std::vector<std::string> kept_environment(const oci::ImageConfig& base, const ContainerRecord& record) {
  std::set<std::string> keys;
  for (const auto& variable : base.env) keys.insert(key_of(variable));
  for (const auto& variable : record.spec.env) keys.insert(key_of(variable));
  std::vector<std::string> kept;
  for (const auto& variable : record.env) {
    if (keys.contains(key_of(variable))) kept.push_back(variable);
  }
  return kept;
}

// The words of the command behind the entrypoint.
std::vector<std::string> command_of(const ContainerRecord& record) {
  const auto& argv = record.argv;
  const auto& entrypoint = record.entrypoint;
  const bool has_entrypoint =
      entrypoint.size() <= argv.size() && std::equal(entrypoint.begin(), entrypoint.end(), argv.begin());
  if (!has_entrypoint) return argv;
  return {argv.begin() + static_cast<std::ptrdiff_t>(entrypoint.size()), argv.end()};
}

}  // namespace

Result<void> check_commit(const CommitRequest& request) {
  if (!request.message.empty() && request.format == CommitRequest::Format::oci) {
    return Error(Errc::invalid, "messages are only compatible with the docker image format (-f docker)");
  }
  oci::ImageConfig any_config;
  return apply_changes(any_config, request.changes);
}

Result<void> merge_config(oci::ImageConfig& config, std::string_view document) {
  if (document.empty()) return ok();
  auto json = TRY(parse_json(document, "the configuration"));
  if (!json.is_object()) return Error(Errc::invalid, "it is not an object");
  // A configuration of an image around it, so that the same reader decides what is valid.
  auto image = Json::object().set("architecture", "any").set("os", "linux").set("config", std::move(json));
  image.set("rootfs", Json::object().set("type", "layers").set("diff_ids", Json::array()));
  auto parsed = oci::parse_image_config(dump_json(image));
  if (!parsed) return std::move(parsed).error().with_code(Errc::invalid);
  auto& given = *parsed;
  const auto replace = [](auto& value, auto& by) {
    if (!by.empty()) value = std::move(by);
  };
  replace(config.user, given.user);
  replace(config.entrypoint, given.entrypoint);
  replace(config.cmd, given.cmd);
  replace(config.working_dir, given.working_dir);
  replace(config.stop_signal, given.stop_signal);
  replace(config.on_build, given.on_build);
  replace(config.shell, given.shell);
  if (given.health) config.health = std::move(given.health);
  for (auto& [key, value] : given.labels) config.labels[key] = std::move(value);
  config.exposed_ports.insert(given.exposed_ports.begin(), given.exposed_ports.end());
  config.volumes.insert(given.volumes.begin(), given.volumes.end());
  for (auto& variable : given.env) {
    std::erase_if(config.env, [&](const auto& old) { return key_of(old) == key_of(variable); });
    config.env.push_back(std::move(variable));
  }
  return ok();
}

Result<oci::ImageConfig> commit_config(const oci::ImageConfig& base, const ContainerRecord& record,
                                       const CommitRequest& request, const oci::DiffId& layer, TimePoint created,
                                       std::string_view given) {
  TRY(check_commit(request));
  oci::ImageConfig config = base;
  if (request.squash) {
    config.diff_ids.clear();
    config.history.clear();
  }
  config.created = created;
  if (!request.author.empty()) config.author = request.author;
  config.env = kept_environment(base, record);
  config.entrypoint = record.entrypoint;
  config.cmd = command_of(record);
  config.working_dir = record.working_dir;
  if (!record.spec.user.empty()) config.user = record.spec.user;
  for (const auto& [key, value] : record.spec.labels) config.labels[key] = value;
  config.exposed_ports.insert(record.exposed_ports.begin(), record.exposed_ports.end());
  if (request.include_volumes) {
    for (const auto& mount : record.mounts) config.volumes.insert(mount.destination);
  }
  TRY(merge_config(config, given).context("--config " + printable(request.config_file)));
  TRY(apply_changes(config, request.changes));
  config.diff_ids.push_back(layer);
  // Source: what podman commit writes.
  const auto comment = request.message.empty() ? "FROM " + record.image_name : request.message;
  config.history.push_back({.created = created,
                            .created_by = base.shell.empty() ? "/bin/sh" : join(base.shell, " "),
                            .author = request.author,
                            .comment = comment,
                            .empty_layer = false});
  return config;
}

std::vector<std::string> mounted_places(const std::vector<runtime::SpecMount>& mounts,
                                        const std::vector<SecretUse>& secrets) {
  std::set<std::string> places;
  const auto add = [&](std::string_view path) {
    while (path.starts_with('/')) path.remove_prefix(1);
    while (path.ends_with('/')) path.remove_suffix(1);
    if (!path.empty()) places.emplace(path);
  };
  for (const auto place : k_given_places) add(place);
  for (const auto& mount : mounts) add(mount.destination);
  for (const auto& secret : secrets) {
    if (secret.type == SecretUse::Type::mount && secret.target.starts_with('/')) add(secret.target);
  }
  return {places.begin(), places.end()};
}

Result<oci::ImageConfig> import_config(const ImportRequest& request, const oci::DiffId& layer, TimePoint created) {
  oci::ImageConfig config;
  config.created = created;
  config.platform = request.platform;
  TRY(apply_changes(config, request.changes));
  config.diff_ids = {layer};
  config.history = {{.created = created,
                     .created_by = fmt::format("/bin/sh -c #(nop) ADD file:{} in /", layer.digest.hex()),
                     .author = {},
                     .comment = request.message.empty() ? "imported from tarball" : request.message,
                     .empty_layer = false}};
  return config;
}

}  // namespace ctr::engine
