#include "runtime/container/bundle.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/paths.h"
#include "base/text.h"

namespace ctr::runtime {
namespace {

// Without a user namespace of its own, nothing else can be made by who is not root.
void add_user_namespace(const HostFacts& host, RuntimeSpec* spec) {
  if (host.privileged() || spec->find_namespace(NamespaceType::user) != nullptr) return;
  spec->linux_config.namespaces.push_back({.type = NamespaceType::user, .path = {}});
  if (spec->linux_config.ids.empty()) spec->linux_config.ids = host.default_map();
}

Result<RootfsPlan> plan_rootfs(const std::string& bundle, const SpecRoot& root) {
  if (root.path.empty()) return Error(Errc::invalid, "config.json: root.path is empty");
  const std::string path =
      TRY(absolute_path(root.path.starts_with('/') ? root.path : fmt::format("{}/{}", bundle, root.path)));
  struct stat status{};
  if (::stat(path.c_str(), &status) < 0) return Error::from_errno(fmt::format("root directory '{}'", printable(path)));
  if (!S_ISDIR(status.st_mode)) {
    return Error(Errc::invalid, fmt::format("root.path '{}' is not a directory", printable(path)));
  }
  RootfsPlan plan;
  plan.directory = path;
  return plan;
}

}  // namespace

Result<PreparedConfig> prepare_config(const std::string& text, const StateRoot& root, const HostFacts& host) {
  PreparedConfig out;
  out.spec = TRY(spec_from_json(TRY(parse_json(text, "config.json"))));
  if (!out.spec.process) return Error(Errc::invalid, "config.json: process is missing");
  add_user_namespace(host, &out.spec);
  if (out.spec.linux_config.seccomp) {
    out.seccomp = TRY(prepare_oci_seccomp(*out.spec.linux_config.seccomp, TRY(root.filter_cache())));
  }
  return out;
}

Result<PreparedBundle> prepare_bundle(const std::string& bundle, const std::string& config_path, const StateRoot& root,
                                      const HostFacts& host) {
  PreparedBundle out;
  out.bundle = TRY(absolute_path(bundle));
  const std::string config = config_path.empty() ? out.bundle + "/config.json" : config_path;
  out.config_text = TRY(read_file(config));
  out.config = TRY(prepare_config(out.config_text, root, host));
  out.rootfs = TRY(plan_rootfs(out.bundle, out.config.spec.root));
  return out;
}

}  // namespace ctr::runtime
