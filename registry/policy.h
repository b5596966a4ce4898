// Which registries a typed reference means, and where each of them is asked.
//
// Source: containers-registries.conf(5) version 2, containers-registries.conf.d(5).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/oci/reference.h"
#include "base/paths.h"
#include "base/result.h"
#include "registry/endpoint.h"

namespace ctr::registry {

// Directories of the host's configuration, so that tests give their own.
struct ConfigRoots {
  std::string etc = "/etc/containers";
  std::string etc_docker = "/etc/docker";
};

enum class ShortNameMode { enforcing, permissive, disabled };
enum class PullFromMirror { all, digest_only, tag_only };

struct MirrorRule {
  std::string location;
  bool insecure = false;
  PullFromMirror pull_from = PullFromMirror::all;
  bool operator==(const MirrorRule&) const = default;
};

// One [[registry]] table.
struct RegistryRule {
  std::string prefix;    // "example.com", "example.com/ns/repo", "*.example.com"; never empty
  std::string location;  // what replaces the prefix; empty (with a wildcard prefix): nothing is replaced
  bool insecure = false;
  bool blocked = false;
  std::vector<MirrorRule> mirrors;
  bool operator==(const RegistryRule&) const = default;
};

// registries.conf with its drop-ins and the recorded aliases.
struct RegistriesConfig {
  std::vector<std::string> unqualified_search;
  ShortNameMode short_name_mode = ShortNameMode::permissive;
  std::map<std::string, std::string> aliases;  // short name → domain/path
  std::vector<RegistryRule> registries;
  std::vector<std::string> credential_helpers;
  std::string source;                      // the file that messages name
  std::vector<std::string> warnings = {};  // keys that are none of registries.conf, one line each
  bool operator==(const RegistriesConfig&) const = default;
};

// Reads CONTAINERS_REGISTRIES_CONF, else the user's file, else /etc; then the drop-ins of /etc and after them the
// user's (or those of CONTAINERS_REGISTRIES_CONF_DIR), each in the order of their names; then the recorded aliases.
//
// With no configuration at all unqualified names are searched on docker.io.
// Errors: invalid, naming file and line.
Result<RegistriesConfig> load_registries_config(const Environment& environment, const UserPaths& paths,
                                                const ConfigRoots& roots = {});
// Merges the text of one file into `config`; `file` is for messages.
Result<void> merge_registries_toml(RegistriesConfig& config, std::string_view text, const std::string& file);

// The full references a typed one stands for, in the order to be tried.
struct Candidates {
  std::vector<oci::ImageReference> references;
  // Whether a person is to choose one of several: if there is one to ask (mode permissive), or in any case (enforcing).
  enum class Choice { none, if_possible, required } choice = Choice::none;
  bool operator==(const Candidates&) const = default;
};
// A full reference stands for itself. A short name is an alias, else it is tried on every unqualified-search registry.
// Errors: not_found (no alias and no search registry), invalid.
Result<Candidates> find_candidates(const RegistriesConfig& config, const oci::ImageReference& typed);
// The error for a choice that is required when there is nobody to ask.
Error nobody_to_ask(const RegistriesConfig& config, const oci::ImageReference& typed);

// Where a full reference is asked, in order: its mirrors, then the (possibly remapped) registry itself.
// Errors: permission when the registry is blocked; invalid when a remap yields no valid name.
Result<std::vector<Endpoint>> find_endpoints(const RegistriesConfig& config, const oci::ImageReference& reference);

}  // namespace ctr::registry
