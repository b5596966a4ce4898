// The verbs on everything at once, and on what has happened: a header of its own, since few commands need it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "engine/disk_usage.h"
#include "engine/engine.h"
#include "engine/event_log.h"
#include "engine/store_check.h"
#include "engine/web.h"

namespace ctr::engine {

class Core;

class SystemVerbs {
 public:
  virtual ~SystemVerbs() = default;

  // What has happened, in order; see read_events() of event_log.h.
  virtual Result<void> events(const EventQuery& query, const EventSink& sink,
                              const std::function<Result<void>()>& idle) = 0;
  // Errors: those of reading the store.
  virtual Result<DiskUsage> disk_usage() = 0;
  // Errors: corrupt when the list of images is damaged; interrupted.
  virtual Result<std::vector<Damage>> check(const CheckRequest& request) = 0;
  // Requests to web servers, one after the other until one is answered with 400 or more. Errors: network, invalid for a
  // URL or an answer that is too long.
  virtual Result<std::vector<WebAnswer>> ask_web(std::vector<WebRequest> requests) = 0;
  // For what a verb did to several things: one event without a name, or one for the thing named.
  virtual void note(std::string_view type, std::string_view status, std::string_view name) = 0;
};

// The verbs of an open engine; they live as long as it does.
SystemVerbs& system_verbs(Engine& engine);

// `core` must outlive it.
std::unique_ptr<SystemVerbs> make_system_verbs(Core& core);

}  // namespace ctr::engine
