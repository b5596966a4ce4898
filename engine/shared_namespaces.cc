#include "engine/shared_namespaces.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "engine/container_info.h"
#include "engine/init_file.h"
#include "engine/record.h"

namespace ctr::engine {

namespace {

using runtime::NamespaceType;
using Userns = UsernsChoice::Mode;

// Who shares the user namespace of a container may share that of a third with it.
constexpr int k_longest_chain = 16;

// One namespace that is another container's.
struct Sharing {
  NamespaceType type;
  const char* option;
  const char* file;  // below /proc/PID/ns, and podman's word for it
  std::string* value;
};

// `spec` is a ContainerSpec, constant or not.
template <typename Spec, typename Add>
void each_sharing(Spec& spec, const Add& add) {
  using Mode = NamespaceChoice::Mode;
  if (spec.network.mode == NetworkChoice::Mode::container) {
    add(NamespaceType::network, "network", "net", spec.network.value);
  }
  if (spec.pid.mode == Mode::container) add(NamespaceType::pid, "pid", "pid", spec.pid.value);
  if (spec.ipc.mode == Mode::container) add(NamespaceType::ipc, "ipc", "ipc", spec.ipc.value);
  if (spec.uts.mode == Mode::container) add(NamespaceType::uts, "uts", "uts", spec.uts.value);
}

NamespaceChoice& choice_of(ContainerSpec& spec, NamespaceType type) {
  if (type == NamespaceType::pid) return spec.pid;
  return type == NamespaceType::ipc ? spec.ipc : spec.uts;
}

bool is_host(const ContainerSpec& other, NamespaceType type) {
  auto copy = other;
  if (type == NamespaceType::network) return copy.network.mode == NetworkChoice::Mode::host;
  return choice_of(copy, type).mode == NamespaceChoice::Mode::host;
}

void set_host(ContainerSpec& spec, NamespaceType type) {
  if (type == NamespaceType::network) {
    spec.network.mode = NetworkChoice::Mode::host;
  } else {
    choice_of(spec, type).mode = NamespaceChoice::Mode::host;
  }
}

Result<ContainerSpec> spec_of(Core& core, const std::string& text) {
  const auto id = TRY(storage::ContainerId::parse(text));
  return TRY(read_record(TRY(TRY(core.store())->containers().open(id)))).spec;
}

// Whose user namespace that container is in: a container or a pod.
Result<std::string> owner_of_userns(Core& core, std::string id) {
  for (int depth = 0; depth < k_longest_chain; ++depth) {
    const auto spec = TRY(spec_of(core, id));
    if (spec.userns.mode == Userns::pod) return spec.pod;
    if (spec.userns.mode != Userns::container) break;
    id = spec.userns.value;
  }
  return id;
}

// Mounts of these are made with the rights of their user namespace.
bool needs_user_namespace(NamespaceType type) { return type != NamespaceType::network && type != NamespaceType::uts; }

// What has led into a user namespace so far.
struct Led {
  std::string option;
  std::string typed;
};

Result<void> share_userns(Core& core, ContainerSpec& spec, const Sharing& sharing, const std::string& id,
                          const ContainerSpec& other, Led& led, const std::string& typed) {
  if (TRY(core.host())->privileged() && (spec.userns.mode == Userns::host || !needs_user_namespace(sharing.type))) {
    return ok();
  }
  const auto owner = TRY(owner_of_userns(core, id));
  if (spec.userns.mode == Userns::container && TRY(owner_of_userns(core, spec.userns.value)) == owner) return ok();
  if (spec.userns.mode == Userns::pod) {
    if (spec.pod == owner) return ok();
  } else if (spec.userns.mode == Userns::host || (led.option.empty() && spec.userns == other.userns)) {
    spec.userns = UsernsChoice();
    spec.userns.mode = Userns::container;
    spec.userns.value = id;
    led = {sharing.option, typed};
    return ok();
  }
  if (!led.option.empty()) {
    return Error(Errc::unsupported,
                 fmt::format("--{} container:{} and --{} container:{}: the two are in different user namespaces",
                             led.option, printable(led.typed), sharing.option, printable(typed)))
        .with_hint("create one of them with --userns container: of the other");
  }
  return Error(Errc::unsupported,
               fmt::format("--{} container:{} and {}: who shares the {} namespace of a container is in its user "
                           "namespace",
                           sharing.option, printable(typed),
                           spec.userns.mode == Userns::pod ? "--pod" : "another --userns",
                           runtime::namespace_name(sharing.type)))
      .with_hint(spec.userns.mode == Userns::pod ? "only members of one pod can" : "leave out --userns");
}

// What comes with the namespace, and what its owner does not allow.
Result<void> apply_other(ContainerSpec& spec, const Sharing& sharing, const std::string& id,
                         const ContainerRecord& other) {
  if (sharing.type == NamespaceType::ipc && other.spec.ipc.mode == NamespaceChoice::Mode::private_) {
    return Error(Errc::invalid, fmt::format("joining IPC of container {} is not allowed: non-shareable IPC (hint: use "
                                            "IpcMode:shareable for the donor container)",
                                            id));
  }
  if (sharing.type != NamespaceType::uts) return ok();
  if (!spec.domainname.empty()) {
    return Error(Errc::invalid, "cannot set domain name when joining the UTS namespace of another container");
  }
  spec.hostname = other.hostname;
  return ok();
}

Result<void> resolve_one(Core& core, ContainerSpec& spec, const Sharing& sharing, Led& led) {
  const auto typed = *sharing.value;
  auto found = resolve_container(core, typed);
  if (!found) {
    return std::move(found).error().context(
        fmt::format("looking up container to share {} namespace with", sharing.file));
  }
  const auto id = found->id.text();
  *sharing.value = id;
  auto& needed = spec.dependencies;
  if (std::find(needed.begin(), needed.end(), id) == needed.end()) needed.push_back(id);
  const auto other = TRY(read_record(TRY(TRY(core.store())->containers().open(found->id))));
  if (is_host(other.spec, sharing.type)) {
    // There is nothing to join: that is the caller's own.
    set_host(spec, sharing.type);
    return ok();
  }
  TRY(apply_other(spec, sharing, id, other));
  return share_userns(core, spec, sharing, id, other.spec, led, typed);
}

std::string path_of(const Fd& fd) { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get()); }

// Opens `name` of the first process of container `text`.
Result<Fd> open_of(Core& core, const std::string& text, const char* name, std::string_view word) {
  const auto id = TRY(storage::ContainerId::parse(text));
  const auto containers = TRY(core.store())->containers();
  auto file = TRY(open_init_file(TRY(containers.open(id)), name, O_RDONLY)
                      .context(fmt::format("share the {} of container {}", word, id.text())));
  if (file.valid()) return file;
  return Error(Errc::bad_state, fmt::format("container \"{}\" is not running: cannot share its {}",
                                            TRY(containers.find_name(id)), word));
}

// Its file system in memory is mounted where the specification has the source of /dev/shm.
Result<void> share_shm(Core& core, const Dir& dir, const ContainerSpec& spec, runtime::LaunchPlan& plan,
                       SharedNamespaces& shared) {
  const auto place = plan.bundle + "/" + k_shared_shm_dir;
  const auto& mounts = plan.spec.mounts;
  const bool mounted =
      std::any_of(mounts.begin(), mounts.end(), [&](const auto& mount) { return mount.source == place; });
  if (!mounted) return ok();
  if (!dir.exists(k_shared_shm_dir)) TRY(dir.make_dir(k_shared_shm_dir, 0700));
  shared.files.push_back(TRY(open_of(core, spec.ipc.value, "ns/mnt", "/dev/shm")));
  plan.rootfs.shm_namespace = path_of(shared.files.back());
  plan.rootfs.shm_place = place;
  return ok();
}

}  // namespace

Result<void> resolve_shared_namespaces(Core& core, ContainerSpec& spec) {
  std::vector<Sharing> sharings;
  each_sharing(spec, [&](NamespaceType type, const char* option, const char* file, std::string& value) {
    sharings.push_back({type, option, file, &value});
  });
  Led led;
  for (const auto& sharing : sharings) TRY(resolve_one(core, spec, sharing, led));
  return ok();
}

const char* first_sharing_option(const ContainerSpec& spec) {
  const char* first = nullptr;
  each_sharing(spec, [&](NamespaceType, const char* option, const char*, const std::string&) {
    if (first == nullptr) first = option;
  });
  return first;
}

Result<bool> shares_shm(Core& core, const ContainerSpec& spec) {
  if (spec.ipc.mode != NamespaceChoice::Mode::container) return false;
  return TRY(spec_of(core, spec.ipc.value)).ipc.mode != NamespaceChoice::Mode::none;
}

Result<SharedNamespaces> join_shared_namespaces(Core& core, const Dir& dir, const ContainerSpec& spec,
                                                runtime::LaunchPlan& plan) {
  SharedNamespaces shared;
  Result<void> done = ok();
  const auto join = [&](NamespaceType type, const char* file, const std::string& id) -> Result<void> {
    shared.files.push_back(TRY(open_of(core, id, fmt::format("ns/{}", file).c_str(), runtime::namespace_name(type))));
    for (auto& entry : plan.spec.linux_config.namespaces) {
      if (entry.type == type) entry.path = path_of(shared.files.back());
    }
    return ok();
  };
  each_sharing(spec, [&](NamespaceType type, const char*, const char* file, const std::string& id) {
    if (done) done = join(type, file, id);
  });
  TRY(std::move(done));
  if (spec.ipc.mode == NamespaceChoice::Mode::container) TRY(share_shm(core, dir, spec, plan, shared));
  return shared;
}

}  // namespace ctr::engine
