// Core: what the parts of the engine share. Everything in it is opened when it is first needed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "engine/config.h"
#include "engine/engine.h"
#include "engine/event_log.h"
#include "runtime/host_facts.h"
#include "storage/driver.h"
#include "storage/store.h"

namespace ctr::engine {

// Where this program is installed: what runs in the background is started from its own file, which may be a copy.
inline constexpr const char* k_program_variable = "CTR_PROGRAM";
// How our own processes learn of --root and --runroot.
inline constexpr const char* k_store_variable = "CTR_STORE_DIR";
inline constexpr const char* k_run_variable = "CTR_RUN_DIR";
inline constexpr const char* k_image_store_variable = "CTR_IMAGE_STORE_DIR";
// Of which store the process that gives space back empties the trash.
inline constexpr const char* k_trash_variable = "CTR_TRASH_OF";
// Of --events-backend.
inline constexpr const char* k_events_variable = "CTR_EVENTS_BACKEND";

class Core {
 public:
  explicit Core(EngineOptions options) : options_(std::move(options)) {}
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  const EngineOptions& options() const { return options_; }
  const CancelToken& cancel() const { return options_.cancel; }
  // Pointers stay valid as long as this object.
  Result<const storage::Store*> store();
  Result<const Config*> config();
  Result<const runtime::HostFacts*> host();
  // The overlay driver of the store; decided at the first use of a store.
  Result<storage::OverlayDriver> driver();
  // Gives the store up, so that it can be replaced as a whole.
  void close_store() {
    store_.reset();
    events_.close();
  }

  void warn(std::string_view line) const;
  void note(std::string_view line) const;
  void debug(std::string_view line) const;
  // Environment of the programs we start: what they need to find the user's directories, and nothing else.
  std::vector<std::string> helper_env() const;
  // $XDG_RUNTIME_DIR/ctr/containers/<id>.
  std::string run_dir(const std::string& id) const { return options_.paths.run + "/containers/" + id; }
  // Sockets that the service manager passed to an earlier start of the container that is about to be started again.
  void keep_sockets(std::vector<Fd> sockets) { kept_sockets_ = std::move(sockets); }
  const std::vector<Fd>& kept_sockets() const { return kept_sockets_; }
  // Where events go: --events-backend, else events_logger of the configuration. Errors: invalid.
  Result<std::string> events_backend();
  // Records with the time of now; a full disk must not stop a container, so failures are logged only.
  void record_event(Event event);
  // The same with one write for all of them.
  void record_events(std::vector<Event> events);

 private:
  EngineOptions options_;
  std::vector<Fd> kept_sockets_;
  std::optional<storage::Store> store_;
  std::optional<Config> config_;
  std::optional<runtime::HostFacts> host_;
  EventWriter events_;
};

}  // namespace ctr::engine
