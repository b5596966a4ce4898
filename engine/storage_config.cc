#include "engine/storage_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "base/toml.h"
#include "engine/config_files.h"
#include "engine/engine.h"

namespace ctr::engine {

namespace {

constexpr const char* k_driver_variable = "STORAGE_DRIVER";
constexpr const char* k_options_variable = "STORAGE_OPTS";
constexpr size_t k_file_limit_bytes = size_t{1} << 20;

// In byte order. Source: containers-storage.conf(5) of podman 4 to 6.
constexpr auto k_keys = std::to_array<std::string_view>({"storage",
                                                         "storage.driver",
                                                         "storage.driver_priority",
                                                         "storage.graphroot",
                                                         "storage.imagestore",
                                                         "storage.options",
                                                         "storage.options.additionalimagestores",
                                                         "storage.options.additionallayerstores",
                                                         "storage.options.auto-userns-max-size",
                                                         "storage.options.auto-userns-min-size",
                                                         "storage.options.disable-volatile",
                                                         "storage.options.ignore_chown_errors",
                                                         "storage.options.inodes",
                                                         "storage.options.mount_program",
                                                         "storage.options.mountopt",
                                                         "storage.options.overlay",
                                                         "storage.options.overlay.force_mask",
                                                         "storage.options.overlay.ignore_chown_errors",
                                                         "storage.options.overlay.inodes",
                                                         "storage.options.overlay.mount_program",
                                                         "storage.options.overlay.mountopt",
                                                         "storage.options.overlay.size",
                                                         "storage.options.overlay.skip_mount_home",
                                                         "storage.options.overlay.sync",
                                                         "storage.options.overlay.use_composefs",
                                                         "storage.options.pull_options",
                                                         "storage.options.remap-gids",
                                                         "storage.options.remap-group",
                                                         "storage.options.remap-uids",
                                                         "storage.options.remap-user",
                                                         "storage.options.root-auto-userns-user",
                                                         "storage.options.size",
                                                         "storage.options.skip_mount_home",
                                                         "storage.rootless_storage_path",
                                                         "storage.runroot",
                                                         "storage.transient_store"});
static_assert(std::is_sorted(k_keys.begin(), k_keys.end()));

// Of other drivers, and what pulls are told: theirs to know.
bool is_known(std::string_view key) {
  constexpr auto k_foreign = std::to_array<std::string_view>(
      {"storage.options.aufs", "storage.options.btrfs", "storage.options.overlay2", "storage.options.pull_options.",
       "storage.options.thinpool", "storage.options.vfs", "storage.options.zfs"});
  const auto begins = [&](std::string_view prefix) { return key.starts_with(prefix); };
  return std::binary_search(k_keys.begin(), k_keys.end(), key) ||
         std::any_of(k_foreign.begin(), k_foreign.end(), begins);
}

bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// $NAME and ${NAME}; a variable that is not set is nothing. $UID is the user's, whatever the environment says.
std::string expand(std::string_view text, const StorageReader& reader) {
  std::string out;
  while (true) {
    const auto dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) return out;
    text.remove_prefix(dollar + 1);
    const bool braced = text.starts_with('{');
    if (braced) text.remove_prefix(1);
    size_t length = 0;
    while (length < text.size() && (braced ? text[length] != '}' : is_name(text[length]))) ++length;
    const std::string name(text.substr(0, length));
    out += name == "UID" ? std::to_string(reader.uid) : environment_value(reader.environment, name);
    text.remove_prefix(std::min(length + (braced ? 1 : 0), text.size()));
  }
}

// The values of one file, each with its line.
class File {
 public:
  File(const Toml& toml, const std::string& what, StorageConfig& config) : toml_(toml), what_(what), config_(config) {}

  // "storage.options" and the key in it; nullptr when the file does not have it.
  const Json* find(std::string_view table, std::string_view key) const {
    const Json* node = &toml_.root;
    for (const auto& part : split(table, '.')) {
      node = node->is_object() ? node->find(part) : nullptr;
      if (node == nullptr) return nullptr;
    }
    return node->is_object() ? node->find(std::string(key)) : nullptr;
  }
  Result<bool> read(std::string_view table, std::string_view key, std::string& field) const {
    const auto* value = find(table, key);
    if (value == nullptr) return false;
    if (!value->is_string()) return wrong(table, key, "a string");
    field = value->as_string();
    note(table, key);
    return true;
  }
  // Drivers' options are strings in podman, and booleans elsewhere.
  Result<void> read(std::string_view table, std::string_view key, bool& field) const {
    const auto* value = find(table, key);
    if (value == nullptr) return ok();
    const auto word = value->is_bool() ? std::string(value->as_bool() ? "true" : "false")
                                       : (value->is_string() ? value->as_string() : "");
    const auto parsed = parse_bool(word, key);
    if (!parsed && !word.empty()) return wrong(table, key, "true or false");
    field = parsed && *parsed;
    note(table, key);
    return ok();
  }
  Result<void> read(std::string_view table, std::string_view key, std::vector<std::string>& field) const {
    const auto* value = find(table, key);
    if (value == nullptr) return ok();
    if (!value->is_array()) return wrong(table, key, "an array of strings");
    bool append = false;
    std::vector<std::string> words;
    for (const auto& element : value->as_array()) {
      const auto* option = element.is_object() ? element.find("append") : nullptr;
      if (option != nullptr && option->is_bool()) {
        append = option->as_bool();
      } else if (element.is_string()) {
        words.push_back(element.as_string());
      } else {
        return wrong(table, key, "an array of strings");
      }
    }
    if (!append) field.clear();
    field.insert(field.end(), words.begin(), words.end());
    note(table, key);
    return ok();
  }

 private:
  std::string place(std::string_view table, std::string_view key) const {
    const auto line = toml_.lines.find(fmt::format("{}.{}", table, key));
    return fmt::format("{}:{}", what_, line == toml_.lines.end() ? 0 : line->second);
  }
  Error wrong(std::string_view table, std::string_view key, std::string_view expected) const {
    return {Errc::invalid, fmt::format("{}: {}.{} is not {}", place(table, key), table, key, expected)};
  }
  // Options of the overlay driver stand in a table of their own, or in that of all drivers.
  void note(std::string_view table, std::string_view key) const {
    const auto shown = table == "storage.options.overlay" ? std::string_view("storage.options") : table;
    config_.origins[fmt::format("{}.{}", shown, key)] = place(table, key);
  }

  const Toml& toml_;
  const std::string& what_;
  StorageConfig& config_;
};

Result<void> read_places(const File& file, StorageConfig& config, const StorageReader& reader) {
  for (const auto& [key, field] : {std::pair("graphroot", &config.graphroot), std::pair("runroot", &config.runroot),
                                   std::pair("rootless_storage_path", &config.rootless_storage_path),
                                   std::pair("imagestore", &config.imagestore)}) {
    if (TRY(file.read("storage", key, *field))) *field = expand(*field, reader);
  }
  return ok();
}

Result<void> read_options(const File& file, StorageConfig& config, const StorageReader& reader) {
  for (const auto* table : {"storage.options", "storage.options.overlay"}) {
    for (const auto& [key, field] : {std::pair("size", &config.size), std::pair("mount_program", &config.mount_program),
                                     std::pair("mountopt", &config.mountopt)}) {
      (void)TRY(file.read(table, key, *field));
    }
    TRY(file.read(table, "ignore_chown_errors", config.ignore_chown_errors));
  }
  TRY(file.read("storage.options", "additionalimagestores", config.additional_image_stores));
  for (auto& store : config.additional_image_stores) store = expand(store, reader);
  return ok();
}

// What /etc says of the two is about root's store: users would all share it.
void forget_places(StorageConfig& config) {
  config.graphroot.clear();
  config.runroot.clear();
  for (const auto* key : {"storage.graphroot", "storage.runroot"}) config.origins.erase(key);
}

Result<void> apply_environment(StorageConfig& config, const Environment& environment) {
  if (const auto driver = environment_value(environment, k_driver_variable); !driver.empty()) {
    config.driver = driver;
    config.origins["storage.driver"] = k_driver_variable;
  }
  for (const auto& option : split(environment_value(environment, k_options_variable), ',')) {
    if (!option.empty()) TRY(apply_storage_option(config, option, k_options_variable));
  }
  return ok();
}

Error refused(const StorageConfig& config, const std::string& key, std::string_view reason) {
  const auto origin = config.origins.find(key);
  return {Errc::unsupported, fmt::format("{}: {}: {}", origin == config.origins.end() ? "storage.conf" : origin->second,
                                         key.substr(key.rfind('.') + 1), reason)};
}

// Stores of podman's stand in the same list; theirs is another format.
bool is_podmans(const std::string& path) {
  return path_exists(path + "/overlay-images") || path_exists(path + "/overlay-layers") ||
         path_exists(path + "/storage.lock");
}

// What a distribution names for everybody need not be there.
bool is_worth_opening(const StorageConfig& config, const std::string& path) {
  const auto origin = config.origins.find("storage.options.additionalimagestores");
  const bool is_distributions = origin != config.origins.end() && origin->second.starts_with(k_distribution_folder);
  return path.starts_with('/') && !is_podmans(path) && (!is_distributions || path_exists(path));
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

Result<void> apply_storage_config(StorageConfig& config, std::string_view text, const std::string& what,
                                  const StorageReader& reader) {
  const auto toml = TRY(parse_toml(text, what));
  for (const auto& [path, line] : toml.lines) {
    if (path.find('[') == std::string::npos && !is_known(path))
      config.warnings.push_back(unknown_key(what, line, path));
  }
  const File file(toml, what, config);
  (void)TRY(file.read("storage", "driver", config.driver));
  TRY(file.read("storage", "transient_store", config.transient_store));
  TRY(read_places(file, config, reader));
  return read_options(file, config, reader);
}

Result<void> apply_storage_option(StorageConfig& config, std::string_view option, const std::string& what) {
  constexpr std::string_view k_driver_prefix = "overlay.";
  const auto pair = split_once(option, '=');
  if (!pair) return Error(Errc::invalid, fmt::format("{}: '{}' has no value", what, printable(option)));
  std::string_view key = pair->first;
  if (key.starts_with(k_driver_prefix)) key.remove_prefix(k_driver_prefix.size());
  const auto& value = pair->second;
  std::string shown(key);
  if (key == "imagestore" || key == "additionalimagestore") {
    if (config.origins["storage.options.additionalimagestores"] != what) config.additional_image_stores.clear();
    config.additional_image_stores.push_back(value);
    shown = "additionalimagestores";
  } else if (key == "mount_program") {
    config.mount_program = value;
  } else if (key == "mountopt") {
    config.mountopt = value;
  } else if (key == "size") {
    config.size = value;
  } else if (key == "ignore_chown_errors") {
    config.ignore_chown_errors = TRY(parse_bool(value, fmt::format("{} ignore_chown_errors", what)));
  } else {
    return Error(Errc::invalid, fmt::format("{}: unknown storage option '{}'", what, printable(pair->first)))
        .with_hint("known are mount_program, mountopt, size, ignore_chown_errors and imagestore");
  }
  config.origins["storage.options." + shown] = what;
  return ok();
}

Result<StorageConfig> load_storage_config(const Environment& environment, const UserPaths& paths, unsigned uid,
                                          StorageFiles which) {
  StorageConfig config;
  const StorageReader reader{environment, uid};
  const auto named = environment_value(environment, "CONTAINERS_STORAGE_CONF");
  const auto user_folder = paths.config_home + "/containers";
  std::vector<std::string> folders;
  if (which == StorageFiles::all) folders.emplace_back(k_distribution_folder);
  folders.insert(folders.end(), {"/etc/containers", user_folder});
  auto files = named.empty() ? TRY(config_files(folders, "storage", uid)) : std::vector{named};
  for (const auto& file : files) {
    const auto text = TRY(read_file_if_exists(file, k_file_limit_bytes));
    if (!text && file == named) {
      return Error(Errc::not_found, fmt::format("CONTAINERS_STORAGE_CONF names '{}', which does not exist", file));
    }
    if (!text) continue;
    const bool is_distribution = file.starts_with(k_distribution_folder);
    const auto warnings_before = config.warnings.size();
    TRY(apply_storage_config(config, *text, file, reader));
    config.files.push_back(file);
    const bool is_users = file == named || file.starts_with(user_folder);
    if (is_distribution || (uid != 0 && !is_users)) forget_places(config);
    if (!is_distribution) continue;
    // Nobody here can mend what a distribution ships, and what it says of podman's driver is not for ctr.
    config.warnings.resize(warnings_before);
    config.driver.clear();
    config.origins.erase("storage.driver");
  }
  TRY(apply_environment(config, environment));
  return config;
}

Result<void> check_storage_config(const StorageConfig& config) {
  if (!config.driver.empty() && config.driver != "overlay") {
    return refused(config, "storage.driver", fmt::format("'{}': only overlay is supported", printable(config.driver)))
        .with_hint("the store of ctr is another one than podman's: --storage-driver overlay leaves this aside");
  }
  if (config.transient_store) {
    return refused(config, "storage.transient_store", "containers are kept on disk; `run --rm` keeps none");
  }
  if (!config.size.empty()) {
    return refused(config, "storage.options.size",
                   "limits of containers' disk space need project quotas, which only "
                   "root can set");
  }
  const auto program = config.mount_program.substr(config.mount_program.rfind('/') + 1);
  if (!program.empty() && program != "fuse-overlayfs") {
    return refused(config, "storage.options.mount_program",
                   fmt::format("'{}': only fuse-overlayfs is supported", printable(config.mount_program)));
  }
  return ok();
}

void place_store(const StorageConfig& config, UserPaths& paths, unsigned uid) {
  constexpr const char* k_suffix = "-ctr";
  const bool is_root = uid == 0;
  const auto place = [](std::string wanted, const std::string& podman_default, std::string& path) {
    while (wanted.size() > 1 && wanted.ends_with('/')) wanted.pop_back();
    if (wanted.starts_with('/') && wanted.size() > 1 && wanted != podman_default) path = wanted + k_suffix;
  };
  const auto& graphroot = config.graphroot.empty() && !is_root ? config.rootless_storage_path : config.graphroot;
  place(graphroot, is_root ? "/var/lib/containers/storage" : paths.data_home + "/containers/storage", paths.store);
  // podman's images cannot be shared, whatever disk they are on.
  place(config.imagestore, "", paths.image_store);
  place(config.runroot, is_root ? "/run/containers/storage" : paths.runtime_dir + "/containers", paths.run);
}

Result<StorageConfig> load_storage_config(const EngineOptions& options, StorageFiles which) {
  auto config = TRY(load_storage_config(options.environment, options.paths, options.uid, which));
  const auto& flags = options.storage;
  for (const auto& [key, flag, value, field] :
       {std::tuple("storage.driver", "--storage-driver", &flags.driver, &config.driver),
        std::tuple("storage.imagestore", "--imagestore", &flags.image_store, &config.imagestore)}) {
    if (value->empty()) continue;
    *field = *value;
    config.origins[key] = flag;
  }
  for (const auto& option : flags.options) TRY(apply_storage_option(config, option, "--storage-opt"));
  return config;
}

Result<void> configure_storage(EngineOptions& options) {
  const auto config = TRY(load_storage_config(options, StorageFiles::own));
  if (options.log != nullptr) {
    for (const auto& line : config.warnings) options.log->warn(line);
  }
  TRY(check_storage_config(config));
  place_store(config, options.paths, options.uid);
  // Who names it to ctr means ctr's.
  if (!options.storage.image_store.empty()) options.paths.image_store = TRY(absolute_path(options.storage.image_store));
  return ok();
}

std::vector<std::string> find_image_stores(const EngineOptions& options) {
  const auto config = load_storage_config(options, StorageFiles::all);
  if (!config) {
    if (options.log != nullptr) options.log->warn("no additional image stores: " + config.error().text());
    return {};
  }
  std::vector<std::string> stores;
  for (const auto& path : config->additional_image_stores) {
    if (is_worth_opening(*config, path)) stores.push_back(path);
  }
  return stores;
}

std::vector<ConfigValue> storage_values(const StorageConfig& config) {
  const auto& driver = config.driver;
  return {{"storage", "driver", driver.empty() ? "overlay" : driver},
          {"storage", "graphroot", text_or_null(config.graphroot)},
          {"storage", "imagestore", text_or_null(config.imagestore)},
          {"storage", "rootless_storage_path", text_or_null(config.rootless_storage_path)},
          {"storage", "runroot", text_or_null(config.runroot)},
          {"storage.options", "additionalimagestores", Json::strings(config.additional_image_stores)},
          {"storage.options", "ignore_chown_errors", config.ignore_chown_errors},
          {"storage.options", "mount_program", text_or_null(config.mount_program)},
          {"storage.options", "mountopt", text_or_null(config.mountopt)}};
}

}  // namespace ctr::engine
