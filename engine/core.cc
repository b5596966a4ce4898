#include "engine/core.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "engine/event_journal.h"
#include "engine/storage_config.h"
#include "runtime/launch.h"

namespace ctr::engine {

Result<const storage::Store*> Core::store() {
  if (store_) return &*store_;
  if (!options_.paths.image_stores) options_.paths.image_stores = [this] { return find_image_stores(options_); };
  auto opened = storage::Store::open(options_.paths, options_.cancel, options_.log);
  if (!opened && opened.error().code() == Errc::permission && opened.error().hint().empty()) {
    return std::move(opened).error().with_hint(
        "the store must belong to the user who calls ctr; --root and XDG_DATA_HOME choose another place");
  }
  store_ = TRY(std::move(opened));
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
  // So that a monitor need not read the configuration to know.
  const std::string named = environment_value(options_.environment, k_events_variable);
  if (!named.empty() || config_) {
    env.push_back(fmt::format("{}={}", k_events_variable, named.empty() ? config_->events_logger : named));
  }
  const auto& program = options_.installed.empty() ? options_.own_binary : options_.installed;
  env.push_back(fmt::format("{}={}", k_program_variable, program));
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

Result<std::string> Core::events_backend() {
  const std::string named = environment_value(options_.environment, k_events_variable);
  if (named.empty()) return TRY(config())->events_logger;
  if (is_events_backend(named)) return named;
  return Error(Errc::invalid,
               fmt::format("'{}' is no backend for events: choose file, journald or none", printable(named)));
}

void Core::record_events(std::vector<Event> events) {
  const auto backend = events_backend();
  if (backend && *backend == "none") return;
  const auto append = [&]() -> Result<void> {
    if (TRY(Result<std::string>(backend)) == "journald") return append_to_journal(events);
    return events_.append(TRY(store())->dir(), events);
  };
  if (const auto written = append(); !written) {
    debug(fmt::format("event not recorded: {}", written.error().text()));
  }
}

}  // namespace ctr::engine
