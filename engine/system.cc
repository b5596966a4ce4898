#include "engine/system.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/container_info.h"
#include "engine/image_lookup.h"
#include "engine/pod_up.h"
#include "engine/remove.h"
#include "engine/transfer.h"
#include "runtime/launch.h"

namespace ctr::engine {

namespace {

// execvp(3) as POSIX has it: a name without a slash is looked up in PATH.
Result<std::string> find_command(const std::string& name, const Environment& environment) {
  if (name.find('/') != std::string::npos) {
    const auto path = TRY(absolute_path(name));
    if (access(path.c_str(), F_OK) != 0) {
      return Error(Errc::command_not_found, fmt::format("'{}': no such file or directory", printable(name)));
    }
    return path;
  }
  bool exists = false;
  for (const auto& dir : split(environment_value(environment, "PATH"), ':')) {
    const auto path = (dir.empty() ? "." : dir) + "/" + name;
    if (access(path.c_str(), X_OK) == 0) return absolute_path(path);
    exists = exists || access(path.c_str(), F_OK) == 0;
  }
  if (exists) {
    return Error(Errc::command_not_executable, fmt::format("'{}': permission denied", printable(name)));
  }
  return Error(Errc::command_not_found, fmt::format("executable file `{}` not found in $PATH", printable(name)));
}

}  // namespace

Result<Engine::ContainerSize> measure_container(Core& core, const ContainerInfo& info) {
  Engine::ContainerSize size;
  const auto bundle = TRY(core.store())->containers().path(TRY(storage_id(info.id)));
  if (const auto upper = Dir::open(bundle + "/rw/upper")) {
    // Directories of subordinate ids may be closed to us: what can be seen is counted.
    const auto tree = tree_size(*upper);
    if (tree) size.rw_bytes = tree->size_bytes;
  }
  size.rootfs_bytes = size.rw_bytes;
  const auto image = TRY(find_image_record(core, info.image_id));
  if (image) size.rootfs_bytes += image->record.size_bytes;
  return size;
}

Result<std::string> login_to_registry(Core& core, const LoginOptions& options) {
  TransferRequest request;
  request.verb = TransferRequest::Verb::login;
  request.reference = options.registry;
  request.login = options;
  return TRY(run_transfer(core.options(), request)).auth_file;
}

Result<std::string> find_login(Core& core, const LoginOptions& options) {
  TransferRequest request;
  request.verb = TransferRequest::Verb::stored_login;
  request.reference = options.registry;
  request.login = options;
  return TRY(run_transfer(core.options(), request)).username;
}

Result<void> logout_of_registry(Core& core, const std::string& registry, bool all, const std::string& authfile) {
  TransferRequest request;
  request.verb = all ? TransferRequest::Verb::logout_all : TransferRequest::Verb::logout;
  request.reference = registry;
  request.login.registry = registry;
  request.login.authfile = authfile;
  TRY(run_transfer(core.options(), request));
  return ok();
}

Result<int> unshare_command(Core& core, const std::vector<std::string>& argv) {
  const auto* host = TRY(core.host());
  const auto& environment = core.options().environment;
  auto words = argv;
  if (words.empty()) {
    const auto shell = environment_value(environment, "SHELL");
    words.push_back(shell.empty() ? "/bin/sh" : shell);
  }
  std::vector<std::string> env;
  for (const auto& [name, value] : environment) env.push_back(name + "=" + value);
  auto child = TRY(runtime::launch_in_userns({*host,
                                              host->default_map(),
                                              TRY(find_command(words.front(), environment)),
                                              words,
                                              std::move(env),
                                              {{0, 0}, {1, 1}, {2, 2}},
                                              ""}));
  return TRY(child.wait(core.cancel())).code;
}

Result<void> reset_everything(Core& core) {
  const auto* store = TRY(core.store());
  RemoveOptions options;
  options.force = true;
  options.volumes = true;
  options.timeout = std::chrono::seconds(0);
  options.dependents = true;
  for (const auto& entry : TRY(store->containers().list())) TRY(remove_container(core, entry, options));
  for (const auto& entry : TRY(store->pods().list())) TRY(bring_down(core, entry.id));
  core.close_store();
  TRY(storage::reset_store(core.options().paths, core.cancel()));
  reclaim_space(core);
  return ok();
}

}  // namespace ctr::engine
