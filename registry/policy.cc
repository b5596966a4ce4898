#include "registry/policy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "base/toml.h"
#include "registry/aliases.h"

namespace ctr::registry {
namespace {

constexpr size_t k_config_limit_bytes = size_t{1} << 20;
constexpr std::string_view k_docker_hub = "docker.io";

Error wrong(const std::string& file, std::string message) {
  return Error(Errc::invalid, file + ": " + std::move(message));
}

// A registry or a name prefix as configuration files write it: without scheme, trailing slashes dropped.
Result<std::string> read_location(const std::string& file, const std::string& text) {
  if (text.find("://") != std::string::npos) {
    return wrong(file, "'" + printable(text) + "' has a URI scheme, which locations must not have");
  }
  std::string location = text;
  while (location.ends_with('/')) location.pop_back();
  const auto bad = [](char c) { return c <= ' ' || c >= 0x7f; };
  if (location.empty() || std::any_of(location.begin(), location.end(), bad)) {
    return wrong(file, "'" + printable(text) + "' is not a valid registry location");
  }
  return location;
}

Result<ShortNameMode> read_mode(const std::string& file, const std::string& text) {
  if (text == "enforcing") return ShortNameMode::enforcing;
  if (text == "permissive" || text.empty()) return ShortNameMode::permissive;
  if (text == "disabled") return ShortNameMode::disabled;
  return wrong(file, "'" + printable(text) + "' is not a valid short-name-mode (enforcing, permissive or disabled)");
}

Result<PullFromMirror> read_pull_from(const std::string& file, const std::string& text) {
  if (text == "all" || text.empty()) return PullFromMirror::all;
  if (text == "digest-only") return PullFromMirror::digest_only;
  if (text == "tag-only") return PullFromMirror::tag_only;
  return wrong(file, "'" + printable(text) + "' is not a valid pull-from-mirror (all, digest-only or tag-only)");
}

Result<MirrorRule> read_mirror(const JsonReader& reader, const std::string& file, bool by_digest_only) {
  TRY(reader.expect_object());
  MirrorRule mirror;
  mirror.location = TRY(read_location(file, TRY(reader.get_string("location"))));
  mirror.insecure = TRY(reader.bool_or("insecure", false));
  const std::string pull_from = TRY(reader.string_or("pull-from-mirror", ""));
  if (by_digest_only && !pull_from.empty()) {
    return wrong(file, "mirror-by-digest-only of a registry and pull-from-mirror of its mirror '" + mirror.location +
                           "' exclude each other");
  }
  mirror.pull_from = by_digest_only ? PullFromMirror::digest_only : TRY(read_pull_from(file, pull_from));
  return mirror;
}

Result<RegistryRule> read_registry(const JsonReader& reader, const std::string& file) {
  TRY(reader.expect_object());
  const std::string prefix = TRY(reader.string_or("prefix", ""));
  const std::string location = TRY(reader.string_or("location", ""));
  RegistryRule rule;
  if (!location.empty()) rule.location = TRY(read_location(file, location));
  if (prefix.empty() && location.empty()) return wrong(file, "a [[registry]] has neither prefix nor location");
  rule.prefix = prefix.empty() ? rule.location : TRY(read_location(file, prefix));
  const auto star = rule.prefix.find('*');
  if (star != std::string::npos &&
      (star != 0 || rule.prefix.rfind('*') != 0 || !rule.prefix.starts_with("*.") || rule.prefix.size() < 3)) {
    return wrong(file, "prefix '" + printable(rule.prefix) + "' has '*' elsewhere than in front of a domain");
  }
  if (rule.location.empty() && star == std::string::npos) rule.location = rule.prefix;
  rule.insecure = TRY(reader.bool_or("insecure", false));
  rule.blocked = TRY(reader.bool_or("blocked", false));
  const bool by_digest_only = TRY(reader.bool_or("mirror-by-digest-only", false));
  for (const auto& mirror : TRY(reader.elements("mirror"))) {
    rule.mirrors.push_back(TRY(read_mirror(mirror, file, by_digest_only)));
  }
  return rule;
}

Result<void> merge_aliases(RegistriesConfig& config, const JsonReader& reader, const std::string& file) {
  for (auto& [name, target] : TRY(reader.string_map("aliases"))) {
    if (target.empty()) {
      config.aliases.erase(name);
      continue;
    }
    const auto short_name = oci::parse_reference(name);
    const auto full = oci::parse_reference(target);
    if (!short_name || !short_name->is_short() || short_name->tag || short_name->digest) {
      return wrong(file, "alias '" + printable(name) + "' is not a short name without tag");
    }
    if (!full || full->is_short() || full->tag || full->digest) {
      return wrong(
          file, "alias '" + name + "' does not stand for a full name without tag, but for '" + printable(target) + "'");
    }
    config.aliases[name] = full->name();
  }
  return ok();
}

Result<void> merge_registries(RegistriesConfig& config, const JsonReader& reader, const std::string& file) {
  for (const auto& element : TRY(reader.elements("registry"))) {
    auto rule = TRY(read_registry(element, file));
    std::erase_if(config.registries, [&](const RegistryRule& old) { return old.prefix == rule.prefix; });
    config.registries.push_back(std::move(rule));
  }
  return ok();
}

Result<bool> merge_file(RegistriesConfig& config, const std::string& file) {
  const auto text = TRY(read_file_if_exists(file, k_config_limit_bytes));
  if (!text) return false;
  TRY(merge_registries_toml(config, *text, file));
  return true;
}

// All *.conf files of a directory, by name. A missing directory has none.
Result<bool> merge_drop_ins(RegistriesConfig& config, const std::string& directory) {
  if (!path_exists(directory)) return false;
  const auto dir = TRY(Dir::open(directory));
  auto names = TRY(dir.list());
  std::sort(names.begin(), names.end());
  bool any = false;
  for (const auto& name : names) {
    if (name.ends_with(".conf")) any = TRY(merge_file(config, directory + "/" + name)) || any;
  }
  return any;
}

// How much of `name` ("host/path") the prefix covers; 0 when it does not match.
size_t matched_length(std::string_view prefix, std::string_view name) {
  size_t length = prefix.size();
  if (prefix.starts_with("*.")) {
    const auto suffix = prefix.substr(1);
    const auto host = name.substr(0, name.find('/'));
    const auto at = suffix.find('/') == std::string_view::npos ? host.rfind(suffix) : name.find(suffix);
    if (at == std::string_view::npos || at == 0 || at > host.size()) return 0;
    length = at + suffix.size();
  } else if (!name.starts_with(prefix)) {
    return 0;
  }
  if (length == name.size() || name[length] == '/' || name[length] == ':' || name[length] == '@') return length;
  return 0;
}

struct Match {
  const RegistryRule* rule = nullptr;
  size_t length = 0;  // of the name
};

Match find_rule(const RegistriesConfig& config, const oci::ImageReference& reference) {
  const std::string whole = reference.to_string();
  Match best;
  for (const auto& rule : config.registries) {
    const size_t length = matched_length(rule.prefix, whole);
    if (length == 0) continue;
    // The longest prefix wins; at equal length of the match a plain prefix is more exact than a wildcard.
    if (!best.rule || rule.prefix.size() > best.rule->prefix.size()) best = {&rule, length};
  }
  return best;
}

// `name` with its first `length` characters replaced by `location`.
Result<Endpoint> remapped(const std::string& location, std::string_view name, size_t length) {
  const std::string target = location + (length < name.size() ? std::string(name.substr(length)) : "");
  const auto slash = target.find('/');
  Endpoint endpoint;
  endpoint.host = target.substr(0, slash);
  endpoint.repository = slash == std::string::npos ? "" : target.substr(slash + 1);
  const auto checked = oci::parse_reference(target);
  if (!checked || checked->is_short() || checked->tag || checked->digest) {
    return Error(Errc::invalid, "location '" + printable(location) + "' of registries.conf turns '" +
                                    std::string(name) + "' into '" + printable(target) +
                                    "', which is not a valid name");
  }
  endpoint.host = checked->domain;
  endpoint.repository = checked->path;
  return endpoint;
}

// containers-registries.conf(5), of podman 4 to 6. The names of aliases are the user's.
bool is_known(std::string_view path) {
  constexpr auto k_keys = std::to_array<std::string_view>(
      {"additional-layer-store-auth-helper", "aliases", "credential-helpers", "registry", "registry[].blocked",
       "registry[].insecure", "registry[].location", "registry[].mirror", "registry[].mirror-by-digest-only",
       "registry[].mirror[].insecure", "registry[].mirror[].location", "registry[].mirror[].pull-from-mirror",
       "registry[].prefix", "short-name-mode", "unqualified-search-registries"});
  if (path.starts_with("aliases.")) return true;
  const auto key = without_indexes(path);
  return std::find(k_keys.begin(), k_keys.end(), key) != k_keys.end();
}

bool serves(PullFromMirror pull_from, const oci::ImageReference& reference) {
  if (pull_from == PullFromMirror::all) return true;
  return (pull_from == PullFromMirror::digest_only) == reference.digest.has_value();
}

Result<oci::ImageReference> with_name(const std::string& name, const oci::ImageReference& typed) {
  auto reference = TRY(oci::parse_reference(name));
  reference.tag = typed.tag;
  reference.digest = typed.digest;
  return reference;
}

}  // namespace

Result<void> merge_registries_toml(RegistriesConfig& config, std::string_view text, const std::string& file) {
  const auto document = TRY(parse_toml(text, file));
  const JsonReader reader(document.root, file);
  for (const auto& [path, line] : document.lines) {
    if (!is_known(path)) config.warnings.push_back(unknown_key(file, line, path));
  }
  if (reader.has("registries")) {
    return wrong(file, "[registries] tables belong to version 1 of the format, which is not supported")
        .with_hint("write unqualified-search-registries and [[registry]] tables");
  }
  if (reader.has("unqualified-search-registries")) {
    config.unqualified_search.clear();
    for (const auto& host : TRY(reader.strings("unqualified-search-registries"))) {
      config.unqualified_search.push_back(TRY(read_location(file, host)));
    }
  }
  if (reader.has("short-name-mode")) {
    config.short_name_mode = TRY(read_mode(file, TRY(reader.get_string("short-name-mode"))));
  }
  if (reader.has("credential-helpers")) config.credential_helpers = TRY(reader.strings("credential-helpers"));
  TRY(merge_aliases(config, reader, file));
  return merge_registries(config, reader, file);
}

Result<RegistriesConfig> load_registries_config(const Environment& environment, const UserPaths& paths,
                                                const ConfigRoots& roots) {
  RegistriesConfig config;
  const std::string user_dir = paths.config_home + "/containers";
  const std::string named = environment_value(environment, "CONTAINERS_REGISTRIES_CONF");
  bool any = false;
  config.source = named;
  if (named.empty()) {
    config.source = user_dir + "/registries.conf";
    if (!path_exists(config.source)) config.source = roots.etc + "/registries.conf";
    any = TRY(merge_file(config, config.source));
  } else {
    any = true;
    TRY(merge_registries_toml(config, TRY(read_file(named, k_config_limit_bytes)), named));
  }
  const std::string named_dir = environment_value(environment, "CONTAINERS_REGISTRIES_CONF_DIR");
  if (named_dir.empty()) {
    any = TRY(merge_drop_ins(config, roots.etc + "/registries.conf.d")) || any;
    any = TRY(merge_drop_ins(config, user_dir + "/registries.conf.d")) || any;
  } else {
    any = TRY(merge_drop_ins(config, named_dir)) || any;
  }
  if (!any) config.unqualified_search = {std::string(k_docker_hub)};
  TRY(merge_file(config, recorded_aliases_path(paths)));
  return config;
}

Result<Candidates> find_candidates(const RegistriesConfig& config, const oci::ImageReference& typed) {
  Candidates candidates;
  const auto reference = typed.with_default_tag();
  const auto alias = config.aliases.find(typed.path);
  const bool is_disabled = config.short_name_mode == ShortNameMode::disabled;
  if (!typed.is_short()) {
    candidates.references = {reference};
    return candidates;
  }
  if (!is_disabled && alias != config.aliases.end()) {
    candidates.references = {TRY(with_name(alias->second, reference))};
    return candidates;
  }
  if (config.unqualified_search.empty()) {
    return Error(Errc::not_found, "short-name \"" + typed.to_string() +
                                      "\" did not resolve to an alias and no unqualified-search registries are defined "
                                      "in \"" +
                                      config.source + "\"")
        .with_hint("write the registry in front, such as docker.io/" + typed.path);
  }
  for (const auto& host : config.unqualified_search) {
    candidates.references.push_back(TRY(with_name(host + "/" + typed.path, reference)));
  }
  if (candidates.references.size() > 1 && !is_disabled) {
    const bool is_enforcing = config.short_name_mode == ShortNameMode::enforcing;
    candidates.choice = is_enforcing ? Candidates::Choice::required : Candidates::Choice::if_possible;
  }
  return candidates;
}

Error nobody_to_ask(const RegistriesConfig& config, const oci::ImageReference& typed) {
  return Error(Errc::invalid, "short-name \"" + typed.to_string() + "\" may come from several registries (" +
                                  join(config.unqualified_search, ", ") +
                                  "): short-name resolution enforced but cannot prompt without a TTY")
      .with_hint("write the registry in front, or add an alias to \"" + config.source + "\"");
}

Result<std::vector<Endpoint>> find_endpoints(const RegistriesConfig& config, const oci::ImageReference& reference) {
  const auto match = find_rule(config, reference);
  if (!match.rule) return std::vector{Endpoint{.host = reference.domain, .repository = reference.path}};
  const auto& rule = *match.rule;
  if (rule.blocked) {
    return Error(Errc::permission, "registry " + rule.prefix + " is blocked in " + config.source);
  }
  const std::string name = reference.name();
  std::vector<Endpoint> endpoints;
  for (const auto& mirror : rule.mirrors) {
    if (!serves(mirror.pull_from, reference)) continue;
    auto endpoint = TRY(remapped(mirror.location, name, match.length));
    endpoint.insecure = mirror.insecure;
    endpoint.is_mirror = true;
    endpoints.push_back(std::move(endpoint));
  }
  Endpoint primary{.host = reference.domain, .repository = reference.path};
  if (!rule.location.empty()) primary = TRY(remapped(rule.location, name, match.length));
  primary.insecure = rule.insecure;
  endpoints.push_back(std::move(primary));
  return endpoints;
}

}  // namespace ctr::registry
