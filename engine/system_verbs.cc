#include "engine/system_verbs.h"

#include "engine/core.h"
#include "engine/event_journal.h"
#include "engine/remove.h"
#include "engine/transfer.h"
#include "runtime/outer_user.h"

namespace ctr::engine {
namespace {

class LocalSystemVerbs final : public SystemVerbs {
 public:
  explicit LocalSystemVerbs(Core& core) : core_(core) {}

  Result<void> events(const EventQuery& query, const EventSink& sink,
                      const std::function<Result<void>()>& idle) override {
    const auto backend = TRY(core_.events_backend());
    if (backend == "none") {
      return Error(Errc::unsupported, "no events are recorded: the backend for events is 'none'")
          .with_hint("say --events-backend file, or set events_logger in containers.conf, before what is to be seen");
    }
    if (backend == "journald") {
      const auto& options = core_.options();
      return read_journal_events(options.environment, runtime::outer_uid(options.uid), query, sink, idle,
                                 core_.cancel());
    }
    return read_events(TRY(core_.store())->dir(), query, sink, idle, core_.cancel());
  }

  Result<DiskUsage> disk_usage() override { return measure_disk_usage(core_); }

  Result<std::vector<Damage>> check(const CheckRequest& request) override {
    TransferRequest transfer;
    transfer.verb = TransferRequest::Verb::check;
    transfer.check = request;
    transfer.pull.quiet = true;
    // A registry that is gone is told after one try: there may be many images of it.
    transfer.pull.retries = 0;
    auto damages = TRY(run_transfer(core_.options(), std::move(transfer))).damages;
    reclaim_space(core_);
    return damages;
  }

  Result<std::vector<WebAnswer>> ask_web(std::vector<WebRequest> requests) override {
    TransferRequest transfer;
    transfer.verb = TransferRequest::Verb::web;
    transfer.web = std::move(requests);
    return TRY(run_transfer(core_.options(), std::move(transfer))).web;
  }

  void note(std::string_view type, std::string_view status, std::string_view name) override {
    core_.record_event(object_event(type, status, {}, name));
  }

 private:
  Core& core_;
};

}  // namespace

std::unique_ptr<SystemVerbs> make_system_verbs(Core& core) { return std::make_unique<LocalSystemVerbs>(core); }

}  // namespace ctr::engine
