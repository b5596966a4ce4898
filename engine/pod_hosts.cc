#include "engine/pod_hosts.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/file.h"
#include "base/lock.h"
#include "engine/network/mounted_file.h"
#include "engine/pod_record.h"

namespace ctr::engine {

namespace {

constexpr std::string_view k_hosts_lock = "hosts.lock";

std::string line_of(const std::string& name) { return fmt::format("127.0.0.1\t{}\n", name); }

Result<void> drop(Core& core, const storage::ContainerId& pod, const std::string& name) {
  const auto dir = TRY(TRY(core.store())->pods().open(pod));
  if (name.empty() || !dir.exists(k_pod_hosts_file)) return ok();
  const auto record = TRY(read_pod_record(dir));
  if (name == record.name || name == record.hostname) return ok();
  const auto lock = TRY(FileLock::acquire(dir, k_hosts_lock, LockMode::exclusive, core.cancel()));
  const auto text = TRY(dir.read_file(k_pod_hosts_file, network::k_mounted_limit_bytes));
  const auto left = without_member(text, name);
  if (left == text) return ok();
  return network::rewrite_mounted(dir.path() + "/" + k_pod_hosts_file, left);
}

}  // namespace

std::string without_member(const std::string& hosts, const std::string& name) {
  const auto line = line_of(name);
  size_t at = hosts.starts_with(line) ? 0 : hosts.find("\n" + line);
  if (at == std::string::npos) return hosts;
  if (at != 0 || !hosts.starts_with(line)) ++at;
  return hosts.substr(0, at) + hosts.substr(at + line.size());
}

Result<void> add_member_names(Core& core, const storage::ContainerId& pod) {
  const auto dir = TRY(TRY(core.store())->pods().open(pod));
  if (!dir.exists(k_pod_hosts_file)) return ok();
  const auto lock = TRY(FileLock::acquire(dir, k_hosts_lock, LockMode::exclusive, core.cancel()));
  const auto text = TRY(dir.read_file(k_pod_hosts_file, network::k_mounted_limit_bytes));
  std::string lines;
  for (const auto& member : TRY(member_entries(core, dir))) {
    const auto line = line_of(member.name);
    if (!member.name.empty() && text.find("\n" + line) == std::string::npos) lines += line;
  }
  if (lines.empty()) return ok();
  // Their addresses in user networks are added by others.
  const Fd file = TRY(dir.open_file(k_pod_hosts_file, O_WRONLY | O_APPEND | O_NOFOLLOW));
  return write_all(file.get(), lines, "the hosts file of the pod");
}

void drop_member_name(Core& core, const std::string& pod, const std::string& name) {
  const auto id = storage::ContainerId::parse(pod);
  if (!id) return;
  drop(core, *id, name).ignore("the name leads to the pod itself until it is started anew");
}

}  // namespace ctr::engine
