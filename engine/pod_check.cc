#include "engine/pod_check.h"

#include "engine/host_probe.h"
#include "engine/hosts.h"
#include "engine/mount_sources.h"
#include "engine/mounts.h"
#include "runtime/pod_namespaces.h"

namespace ctr::engine {

Result<void> check_pod(const PodSpec& spec) {
  if (spec.share.contains("cgroup")) {
    return Error(Errc::unsupported, "the cgroup namespace cannot be shared in a pod")
        .with_hint("leave cgroup out of --share; members still have their cgroups below the pod's");
  }
  const auto mode = spec.shared.network.mode;
  if (mode == NetworkChoice::Mode::container || mode == NetworkChoice::Mode::path) {
    return Error(Errc::unsupported, "the network of a pod is its own, or the host's")
        .with_hint("choose private, none, host, or names of networks");
  }
  if (spec.shared.hosts_file == "image") {
    return Error(Errc::invalid, "--hosts-file image: a pod has no image");
  }
  return ok();
}

Result<void> check_shared(Core& core, const PodRecord& record) {
  const auto& shared = record.spec.shared;
  runtime::PodNamespacesPlan namespaces;
  namespaces.ids = record.ids;
  namespaces.fresh = held_namespaces(record.spec);
  namespaces.sysctls = shared.sysctls;
  if (record.spec.infra) (void)TRY(runtime::compile_pod(namespaces));
  if (!shared.no_hosts) {
    for (const auto& host : shared.add_hosts) (void)TRY(parse_add_host(host));
  }
  TRY(check_devices(shared.devices));
  if (shared.mounts.empty() && shared.volumes_from.empty()) return ok();
  const auto mounts = TRY(complete_mounts(core, shared));
  return check_sources(TRY(plan_mounts(shared, mounts, {}, mount_places(core, ""))));
}

}  // namespace ctr::engine
