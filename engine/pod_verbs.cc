#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/filters.h"
#include "engine/lifecycle.h"
#include "engine/pause.h"
#include "engine/pod_create.h"
#include "engine/pod_inspect.h"
#include "engine/pod_record.h"
#include "engine/pod_stop.h"
#include "engine/pods.h"

namespace ctr::engine {
namespace {

class LocalPodVerbs final : public PodVerbs {
 public:
  explicit LocalPodVerbs(Core& core) : core_(core) {}

  Result<PodInfo> create(PodSpec spec, const PodCreateOptions& options) override {
    return create_pod(core_, std::move(spec), options);
  }

  Result<PodInfo> find(const std::string& name_or_id) override {
    return view_pod(core_, TRY(resolve_pod(core_, name_or_id)));
  }

  Result<std::vector<PodInfo>> list(const std::vector<ContainerFilter>& filters) override {
    FilterContext context;
    context.now = now();
    TRY(pod_matches({}, filters, context));
    std::vector<PodInfo> found;
    for (auto& info : TRY(list_pods(core_))) {
      if (TRY(pod_matches(info, filters, context))) found.push_back(std::move(info));
    }
    return found;
  }

  Result<std::map<std::string, std::string>> names() override {
    std::map<std::string, std::string> names;
    for (auto& entry : TRY(TRY(core_.store())->pods().list())) names[entry.id.text()] = std::move(entry.name);
    return names;
  }

  Result<MemberErrors> start(const PodId& id) override { return start_pod(core_, TRY(entry_of(id))); }
  Result<MemberErrors> stop(const PodId& id, const StopOptions& options) override {
    return stop_pod(core_, TRY(entry_of(id)), options);
  }

  Result<MemberErrors> restart(const PodId& id, const StopOptions& options) override {
    const auto entry = TRY(entry_of(id));
    // A pod that has never been started is no other for that.
    auto errors = TRY(stop_pod(core_, entry, options));
    if (!errors.empty()) return errors;
    return start_pod(core_, entry);
  }

  Result<MemberErrors> kill(const PodId& id, int signal) override {
    const auto info = TRY(view(id));
    const auto is_running = [](const PodMember& member) { return member.state == ContainerState::running; };
    if (std::none_of(info.members.begin(), info.members.end(), is_running)) {
      return Error(Errc::bad_state, fmt::format("cannot kill a pod with no running containers: {}", id.hex));
    }
    auto errors = TRY(for_members(info, is_running, [&](const PodMember& member) -> Result<void> {
      return kill_container(core_, TRY(member_entry(member)), signal);
    }));
    tell("kill", id);
    return errors;
  }

  Result<MemberErrors> pause(const PodId& id) override {
    auto errors = TRY(for_members(
        TRY(view(id)), [](const PodMember& member) { return member.state == ContainerState::running; },
        [&](const PodMember& member) -> Result<void> {
          return pause_container(core_, TRY(engine::storage_id(member.id)));
        }));
    tell("pause", id);
    return errors;
  }

  Result<MemberErrors> unpause(const PodId& id) override {
    auto errors = TRY(for_members(
        TRY(view(id)), [](const PodMember& member) { return member.state == ContainerState::paused; },
        [&](const PodMember& member) -> Result<void> {
          return unpause_container(core_, TRY(engine::storage_id(member.id)));
        }));
    tell("unpause", id);
    return errors;
  }

  Result<void> remove(const PodId& id, const PodRemoveOptions& options) override {
    return remove_pod(core_, TRY(entry_of(id)), options);
  }

  Result<Json> origin(const PodId& id) override {
    return read_pod_origin(TRY(TRY(core_.store())->pods().open(TRY(storage_id(id)))));
  }
  Result<Json> inspect(const PodInfo& info) override { return inspect_pod(info); }

 private:
  Result<storage::ContainerEntry> entry_of(const PodId& id) { return resolve_pod(core_, id.hex); }
  Result<PodInfo> view(const PodId& id) { return view_pod(core_, TRY(entry_of(id))); }

  void tell(std::string_view status, const PodId& id) {
    const auto record = [&]() -> Result<PodRecord> {
      return read_pod_record(TRY(TRY(core_.store())->pods().open(TRY(engine::storage_id(id)))));
    }();
    if (record) core_.record_event(pod_event(status, *record));
  }

  template <typename Which, typename Act>
  Result<MemberErrors> for_members(const PodInfo& info, const Which& which, const Act& act) {
    MemberErrors errors;
    for (const auto& member : info.members) {
      if (!which(member)) continue;
      if (const auto done = act(member); !done) errors.emplace_back(member, done.error());
    }
    return errors;
  }

  Core& core_;
};

}  // namespace

std::unique_ptr<PodVerbs> make_pod_verbs(Core& core) { return std::make_unique<LocalPodVerbs>(core); }

}  // namespace ctr::engine
