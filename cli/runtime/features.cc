#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/json.h"
#include "cli/runtime/common.h"
#include "cli/version.h"
#include "runtime/capability.h"
#include "runtime/kernel_names.h"
#include "runtime/mount_options.h"
#include "runtime/seccomp.h"

namespace ctr::cli::runtime {
namespace {

using ctr::runtime::KernelName;
using ctr::runtime::names_of;

Json enabled(bool is) {
  Json out = Json::object();
  return out.set("enabled", is);
}

// seccomp(2) looks at the flags before it looks for the filter: EFAULT for those it knows.
bool kernel_knows(uint64_t flag) {
  // Linux 5.19 takes it for listeners only.
  if ((flag & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) != 0) flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, nullptr) < 0 && errno == EFAULT;
}

Json seccomp_features() {
  std::vector<std::string> supported;
  for (const KernelName& flag : ctr::runtime::seccomp_flags()) {
    if (kernel_knows(flag.value)) supported.emplace_back(flag.name);
  }
  Json out = enabled(true);
  out.set("actions", Json::strings(names_of(ctr::runtime::seccomp_actions())))
      .set("operators", Json::strings(names_of(ctr::runtime::seccomp_operators())))
      .set("archs", Json::strings(names_of(ctr::runtime::seccomp_architectures())))
      .set("knownFlags", Json::strings(names_of(ctr::runtime::seccomp_flags())))
      .set("supportedFlags", Json::strings(supported));
  return out;
}

Json cgroup_features() {
  Json out = Json::object();
  return out.set("v1", false).set("v2", true).set("systemd", true).set("systemdUser", true).set("rdma", true);
}

Json linux_features() {
  Json policy = Json::object();
  policy.set("modes", Json::strings(names_of(ctr::runtime::memory_policy_modes())))
      .set("flags", Json::strings(names_of(ctr::runtime::memory_policy_flags())));
  Json extensions = Json::object();
  extensions.set("idmap", enabled(true));
  Json rdt = enabled(true);
  rdt.set("schemata", true).set("monitoring", true);
  Json out = Json::object();
  out.set("namespaces", Json::strings({"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"}))
      .set("capabilities", Json::strings(ctr::runtime::all_capabilities()))
      .set("cgroup", cgroup_features())
      .set("seccomp", seccomp_features())
      .set("apparmor", enabled(true))
      .set("selinux", enabled(true))
      .set("intelRdt", std::move(rdt))
      .set("memoryPolicy", std::move(policy))
      .set("mountExtensions", std::move(extensions))
      .set("netDevices", enabled(true));
  return out;
}

Result<int> features(RuntimeContext& /*context*/, const RuntimeArgs& /*args*/) {
  Json annotations = Json::object();
  annotations.set("io.github.seccomp.libseccomp.version", ctr::runtime::seccomp_library_version())
      .set("run.oci.ctr.version", k_version);
  Json out = Json::object();
  out.set("ociVersionMin", "1.0.0")
      .set("ociVersionMax", "1.3.0")
      .set("hooks",
           Json::strings({"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}))
      .set("mountOptions", Json::strings(ctr::runtime::known_mount_options()))
      .set("linux", linux_features())
      .set("annotations", std::move(annotations))
      .set("potentiallyUnsafeConfigAnnotations",
           Json::strings({"run.oci.hooks.stderr", "run.oci.hooks.stdout", "run.oci.keep_original_groups",
                          "run.oci.pidfd_receiver"}));
  TRY(print_result(dump_json(out, {.indent = 4}) + "\n"));
  return 0;
}

}  // namespace

// Source: OCI runtime-spec, features.md and features-linux.md.
const RuntimeCommand k_runtime_features = {.name = "features",
                                           .usage = "",
                                           .summary = "Print what configurations may ask for, as JSON",
                                           .options = {},
                                           .most_words = 0,
                                           .run = features};

}  // namespace ctr::cli::runtime
