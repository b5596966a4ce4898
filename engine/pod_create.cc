#include "engine/pod_create.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "engine/create.h"
#include "engine/join_network.h"
#include "engine/names.h"
#include "engine/networks.h"
#include "engine/pod_cgroup.h"
#include "engine/pod_check.h"
#include "engine/pod_record.h"
#include "engine/pod_stop.h"
#include "engine/pod_up.h"
#include "engine/ports.h"
#include "engine/remove.h"
#include "engine/user_namespace.h"

namespace ctr::engine {

namespace {

constexpr int k_name_attempts = 16;
// What a pod with --userns auto gets: it has no image that would say how many it needs.
constexpr uint32_t k_automatic_ids = 65536;

// The file of --pod-id-file: there before the pod, and gone again if it is not made.
class IdFile {
 public:
  IdFile() = default;
  IdFile(const IdFile&) = delete;
  IdFile& operator=(const IdFile&) = delete;
  ~IdFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  Result<void> make(const std::string& path, const std::string& id) {
    if (path.empty()) return ok();
    auto made = create_file(path, id);
    if (!made && made.error().sys() == EEXIST) {
      return Error(Errc::exists,
                   fmt::format("pod id file exists. Ensure another pod is not using it or delete {}", printable(path)));
    }
    TRY(std::move(made).context("--pod-id-file"));
    path_ = path;
    return ok();
  }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

Error name_taken(const std::string& name) {
  return Error(Errc::exists, fmt::format("adding pod to state: name \"{}\" is in use: pod already exists", name))
      .with_hint("--replace removes that pod first");
}

Result<storage::ContainerStaging> begin(Core& core, const storage::ContainerId& id, PodRecord& record) {
  const auto pods = TRY(core.store())->pods();
  for (int attempt = 1;; ++attempt) {
    auto staging = pods.begin(id, record.name, core.cancel());
    if (staging || staging.error().code() != Errc::exists) return staging;
    if (!record.spec.name.empty() || attempt == k_name_attempts) return name_taken(record.name);
    record.name = made_up_name(random_number());
  }
}

Result<void> replace_existing(Core& core, const std::string& name) {
  const auto entry = TRY(core.store())->pods().resolve(name);
  if (!entry || entry->name != name) return ok();
  return remove_pod(core, *entry, {.force = true, .timeout = {}});
}

Result<runtime::IdMap> pod_ids(Core& core, const PodSpec& spec) {
  if (!spec.infra) return runtime::IdMap{};
  auto asked = spec.shared;
  using Userns = UsernsChoice::Mode;
  if (asked.userns.mode == Userns::container || asked.userns.mode == Userns::path) {
    return Error(Errc::unsupported, fmt::format("--userns {}: is not supported for a pod, which has one of its own",
                                                asked.userns.mode == Userns::path ? "ns" : "container"))
        .with_hint("choose host, keep-id, nomap or auto");
  }
  if (asked.userns.mode == UsernsChoice::Mode::automatic && !asked.userns.size) {
    const auto configured = TRY(core.config())->userns_size;
    asked.userns.size = configured > 0 ? configured : k_automatic_ids;
  }
  runtime::RootfsPlan nothing;
  return choose_ids(core, asked, {}, nothing);
}

// Sockets are bound again when it is started: a pod may be down for long.
Result<void> settle_pod_ports(Core& core, PodSpec& spec, const PodCreateOptions& options) {
  if (spec.infra && spec.share.contains("net")) {
    TRY(settle_ports(core, spec.shared, {}, options.starts ? PortsFor::start : PortsFor::later));
    return ok();
  }
  if (spec.shared.ports.empty()) return ok();
  return Error(Errc::invalid, "ports can be published for a pod whose members share its network only")
      .with_hint("leave net in --share, or publish ports of the containers");
}

// Errors: bad_state in podman's words when a member would have to be stopped.
Result<void> check_removable(const PodInfo& info, const PodRemoveOptions& options) {
  if (options.force) return ok();
  for (const auto& member : info.members) {
    if (member.state != ContainerState::running && member.state != ContainerState::paused) continue;
    return Error(Errc::bad_state,
                 fmt::format("pod {} has containers that are not ready to be removed: cannot remove container {} as it "
                             "is {} - running or paused containers cannot be removed without force: container state "
                             "improper",
                             info.id.hex, member.id.hex, state_name(member.state)))
        .with_hint("--force stops them");
  }
  return ok();
}

}  // namespace

Result<PodInfo> create_pod(Core& core, PodSpec spec, const PodCreateOptions& options) {
  if (!spec.name.empty()) TRY(check_name(spec.name));
  TRY(check_pod(spec));
  TRY(resolve_network(core, spec.shared));
  const auto* store = TRY(core.store());
  if (options.replace && !spec.name.empty()) TRY(replace_existing(core, spec.name));
  TRY(settle_attachments(core.options().paths.store, spec.shared.network));
  const auto id = storage::ContainerId::make_random();
  PodRecord record;
  record.id = id.text();
  record.name = spec.name.empty() ? made_up_name(random_number()) : spec.name;
  record.spec = std::move(spec);
  record.created = now();
  if (store->pods().resolve(record.name) && !record.spec.name.empty()) return name_taken(record.name);
  TRY(settle_pod_ports(core, record.spec, options));
  record.cgroup = TRY(choose_pod_cgroup(core, record.id, record.spec));
  IdFile id_file;
  TRY(id_file.make(record.spec.id_file, record.id));
  const auto ids = TRY(hold_ids(core, record.spec.shared));
  record.ids = TRY(pod_ids(core, record.spec));
  TRY(check_shared(core, record));
  auto staging = TRY(begin(core, id, record));
  const auto& hostname = record.spec.shared.hostname;
  record.hostname = hostname.empty() ? record.name.substr(0, 63) : hostname;  // HOST_NAME_MAX, Linux
  TRY(staging.dir().write_file(k_pod_file, dump_json(to_json(record)) + "\n", Sync::yes));
  TRY(make_memory_dirs(staging.dir(), record.spec));
  if (!options.origin.is_null()) {
    TRY(staging.dir().write_file(k_pod_origin_file, dump_json(options.origin) + "\n", Sync::yes));
  }
  const auto networks = TRY(hold_networks(core.options().paths.store, record.spec.shared.network, core.cancel()));
  TRY(staging.commit());
  id_file.keep();
  core.record_event(pod_event("create", record));
  return view_pod(core, {id, record.name});
}

Result<void> remove_pod(Core& core, const storage::ContainerEntry& entry, const PodRemoveOptions& options) {
  const auto pods = TRY(core.store())->pods();
  auto lock = pods.lock(entry.id, LockMode::exclusive, core.cancel());
  if (!lock && lock.error().code() == Errc::not_found) return ok();
  const auto held = TRY(std::move(lock));
  const auto dir = TRY(pods.open(entry.id));
  const auto record = read_pod_record(dir);
  const auto info = view_pod(core, entry);
  if (info) {
    TRY(check_removable(*info, options));
    if (options.force) {
      for (auto& failed : TRY(stop_members(core, info->members, {options.timeout}))) return std::move(failed.second);
    }
    auto order = start_order(info->members);
    std::reverse(order.begin(), order.end());
    RemoveOptions removal;
    removal.force = true;
    removal.volumes = true;
    removal.timeout = options.timeout;
    for (const auto& member : order) TRY(remove_container(core, TRY(member_entry(member)), removal));
  } else if (!options.force) {
    return info.error();
  }
  TRY(bring_down(core, entry.id));
  TRY(pods.remove(entry.id));
  if (record) core.record_event(pod_event("remove", *record));
  // What its networks have told while it was up.
  if (const auto parent = Dir::open(core.options().paths.run + "/containers")) {
    remove_tree(*parent, entry.id.text()).ignore("the runtime directory is emptied at the next boot");
  }
  reclaim_space(core);
  return ok();
}

}  // namespace ctr::engine
