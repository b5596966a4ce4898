// What storage.conf says, for the keys that ctr follows.
//
// The file is written for podman's store, whose format is another one: `graphroot` and `runroot` say which disk the
// user wants containers on, and ctr keeps its own directories beside the ones named, "<graphroot>-ctr" and
// "<runroot>-ctr". See docs/decisions/035-storage-conf.md.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/paths.h"
#include "base/result.h"
#include "engine/config.h"

namespace ctr::engine {

struct StorageConfig {
  // [storage]; empty: not set. Variables are expanded.
  std::string driver;
  std::string graphroot;
  std::string runroot;
  std::string rootless_storage_path;
  std::string imagestore;
  bool transient_store = false;
  // [storage.options] and [storage.options.overlay]
  std::vector<std::string> additional_image_stores;
  std::string size;
  std::string mount_program;
  std::string mountopt;
  bool ignore_chown_errors = false;

  // As of Config.
  std::vector<std::string> files;
  std::map<std::string, std::string> origins;  // "storage.options.size"
  std::vector<std::string> warnings;
  bool operator==(const StorageConfig&) const = default;
};

// Which files are read: where a distribution says what podman is to use, there is nothing about places.
enum class StorageFiles { own, all };
// Reads /usr/share/containers (with StorageFiles::all), /etc/containers and $XDG_CONFIG_HOME/containers, later ones
// winning, each storage.conf followed by its drop-ins; CONTAINERS_STORAGE_CONF replaces them all. STORAGE_DRIVER and
// STORAGE_OPTS come last. What /etc says of graphroot and runroot is root's; rootless_storage_path is for users.
// Errors: invalid, with file and line; not_found for CONTAINERS_STORAGE_CONF. Source: containers-storage.conf(5).
Result<StorageConfig> load_storage_config(const Environment& environment, const UserPaths& paths, unsigned uid,
                                          StorageFiles which);

// One file's text over `config`; `what` names it in errors.
struct StorageReader {
  const Environment& environment;
  unsigned uid = 0;
};
Result<void> apply_storage_config(StorageConfig& config, std::string_view text, const std::string& what,
                                  const StorageReader& reader);
// "overlay.mount_program=/usr/bin/fuse-overlayfs", of --storage-opt and STORAGE_OPTS; `what` says which. Errors:
// invalid.
Result<void> apply_storage_option(StorageConfig& config, std::string_view option, const std::string& what);

// Errors: unsupported, naming the key and where it is set, for what ctr's store cannot be.
Result<void> check_storage_config(const StorageConfig& config);

// Where store and passing state are by this configuration; `paths` with the defaults of ctr's.
void place_store(const StorageConfig& config, UserPaths& paths, unsigned uid);

struct EngineOptions;
// The same with the flags of the command over it.
Result<StorageConfig> load_storage_config(const EngineOptions& options, StorageFiles which);
// Sets the places of `options.paths` as files and flags have them. Errors: as above.
Result<void> configure_storage(EngineOptions& options);
// The additional image stores, without those of podman's and those that a distribution names for whoever has them. What
// cannot be read is a warning.
std::vector<std::string> find_image_stores(const EngineOptions& options);

// Every key that ctr follows, as config_values() has them of containers.conf.
std::vector<ConfigValue> storage_values(const StorageConfig& config);

}  // namespace ctr::engine
