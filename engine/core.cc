#include "engine/core.h"

#include <fmt/format.h>

#include <utility>

#include "engine/storage_config.h"
#include "runtime/launch.h"

namespace ctr::engine {

Result<const storage::Store*> Core::store() {
  if (store_) return &*store_;
  if (!options_.paths.image_stores) options_.paths.image_stores = [this] { return find_image_stores(options_); };
  store_ = TRY(storage::Store::open(options_.paths, options_.cancel, options_.log));
  return &*store_;
}

Result<const Config*> Core::config() {
  if (config_) return &*config_;
  config_ = TRY(load_config(options_.environment, options_.paths, options_.uid));
  for (const auto& line : config_->warnings) warn(line);
  return &*config_;
}

Result<const runtime::HostFacts*> Core::host() {
  if (!host_) host_ = TRY(runtime::probe_host_facts(options_.environment));
  return &*host_;
}

Result<storage::OverlayDriver> Core::driver() {
  const auto* opened = TRY(store());
  return storage::get_driver(opened->root(), [&]() -> Result<bool> {
    // Who names the program wants it.
    if (!TRY(load_storage_config(options_, StorageFiles::all)).mount_program.empty()) return false;
    const auto* facts = TRY(host());
    return runtime::probe_native_overlay(*facts, opened->path());
  });
}

void Core::warn(std::string_view line) const {
  if (options_.log) options_.log->warn(line);
}

void Core::note(std::string_view line) const {
  if (options_.log) options_.log->note(line);
}

void Core::debug(std::string_view line) const {
  if (options_.log) options_.log->debug(line);
}

std::vector<std::string> Core::helper_env() const {
  std::vector<std::string> env;
  for (const char* name : {"HOME", "PATH", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME",
                           "XDG_CACHE_HOME", "CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE"}) {
    const auto found = options_.environment.find(name);
    if (found != options_.environment.end()) env.push_back(fmt::format("{}={}", name, found->second));
  }
  env.push_back(fmt::format("{}={}", k_store_variable, options_.paths.store));
  env.push_back(fmt::format("{}={}", k_run_variable, options_.paths.run));
  const auto& images = options_.paths.image_store;
  if (!images.empty()) env.push_back(fmt::format("{}={}", k_image_store_variable, images));
  return env;
}

void Core::record_event(Event event) {
  std::vector<Event> events;
  events.push_back(std::move(event));
  record_events(std::move(events));
}

void Core::record_events(std::vector<Event> events) {
  const auto opened = store();
  if (!opened) return;
  if (const auto written = events_.append((*opened)->dir(), events); !written) {
    debug(fmt::format("event not recorded: {}", written.error().text()));
  }
}

}  // namespace ctr::engine
