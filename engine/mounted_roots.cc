#include "engine/mounted_roots.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <set>

#include "base/text.h"

namespace ctr::engine {

namespace {

constexpr const char* k_mark = "mounted";
constexpr const char* k_root_dir = "rootfs";
constexpr size_t k_table_limit_bytes = size_t{16} << 20;

// The mount table writes blanks and backslashes as octal numbers (proc_pid_mountinfo(5)).
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digits = text.substr(std::min(i + 1, text.size()), 3);
    const bool is_code = text[i] == '\\' && digits.size() == 3 &&
                         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '7'; });
    if (!is_code) {
      out += text[i];
      continue;
    }
    out += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + (digits[2] - '0'));
    i += 3;
  }
  return out;
}

// The places in the text of a mount table.
std::vector<std::string> places_of(const std::string& table) {
  std::vector<std::string> places;
  for (const auto& line : split(table, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() > 4) places.push_back(unescape(fields[4]));
  }
  return places;
}

Result<std::string> read_mount_table(const std::string& process) {
  return read_file(fmt::format("/proc/{}/mountinfo", process), k_table_limit_bytes);
}

bool is_number(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

// As "mnt:[4026531841]"; empty for processes that may not be looked at.
std::string mount_namespace_of(const std::string& process) {
  std::array<char, 64> name{};
  const ssize_t size = ::readlink(fmt::format("/proc/{}/ns/mnt", process).c_str(), name.data(), name.size());
  return size <= 0 ? std::string() : std::string(name.data(), static_cast<size_t>(size));
}

// The number of a process in another mount namespace that has a mount at `path`; empty: none that may be looked at.
Result<std::string> find_process_with_mount(const std::string& path) {
  std::set<std::string> seen = {"", mount_namespace_of("self")};
  for (const auto& process : TRY(TRY(Dir::open("/proc")).list())) {
    if (!is_number(process)) continue;
    if (!seen.insert(mount_namespace_of(process)).second) continue;
    const auto table = read_mount_table(process);
    if (!table) continue;
    const auto places = places_of(*table);
    if (std::find(places.begin(), places.end(), path) != places.end()) return process;
  }
  return std::string();
}

Error mounted(const storage::ContainerId& id, const std::string& where) {
  return Error(Errc::in_use, fmt::format("the root of container {} is mounted by `ctr mount`, {}", id.text(), where))
      .with_hint("take it away with `ctr unmount` where it was mounted, or end that `ctr unshare`");
}

}  // namespace

Result<std::vector<std::string>> mount_points() { return places_of(TRY(read_mount_table("self"))); }

Result<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (!real) return Error::from_errno("resolve '" + path + "'");
  return std::string(real.get());
}

Result<bool> is_mounted(const std::string& path) {
  const auto points = TRY(mount_points());
  return std::find(points.begin(), points.end(), path) != points.end();
}

Result<void> attach_tree(const Fd& tree, const std::string& path) {
  if (::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0) return ok();
  return Error::from_errno("mount '" + path + "'");
}

Result<std::string> root_place(Core& core, const storage::ContainerId& id) {
  return TRY(real_path(TRY(core.store())->containers().path(id))) + "/" + k_root_dir;
}

Result<void> note_mount(const Dir& container) { return container.write_file(k_mark, "", Sync::no); }

Result<void> check_no_mount_seen(Core& core, const storage::ContainerId& id, const Dir& container) {
  if (!container.exists(k_mark)) return ok();
  const auto path = TRY(root_place(core, id));
  if (TRY(is_mounted(path))) return mounted(id, "here");
  const auto process = TRY(find_process_with_mount(path));
  return process.empty() ? ok() : Result<void>(mounted(id, "where process " + process + " is"));
}

Result<void> check_not_mounted(Core& core, const storage::ContainerId& id, const Dir& container) {
  if (!container.exists(k_mark)) return ok();
  TRY(check_no_mount_seen(core, id, container));
  // A directory that goes away takes along the mounts on it, in every namespace.
  TRY(container.remove_dir(k_root_dir));
  TRY(container.make_dir(k_root_dir, 0700));
  return container.remove_file(k_mark);
}

}  // namespace ctr::engine
