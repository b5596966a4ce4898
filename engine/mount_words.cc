#include "engine/mount_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ctr::engine {

namespace {

template <size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr auto k_propagation = std::to_array<std::string_view>(
    {"private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"});
constexpr auto k_flags =
    std::to_array<std::string_view>({"exec", "noexec", "suid", "nosuid", "dev", "nodev", "relatime", "norelatime",
                                     "noatime", "atime", "strictatime", "nodiratime", "sync", "async"});
constexpr auto k_tmpfs_keys = std::to_array<std::string_view>(
    {"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "huge", "mpol", "inode32", "inode64", "noswap"});
constexpr auto k_devpts_keys =
    std::to_array<std::string_view>({"uid", "gid", "mode", "ptmxmode", "newinstance", "max"});
// Labels of SELinux, which Debian does not enforce, and the consistency words of Docker for other systems.
constexpr auto k_ignored = std::to_array<std::string_view>({"z", "Z", "cached", "delegated", "consistent"});

bool is_data(MountSpec::Type type, std::string_view key) {
  if (type == MountSpec::Type::tmpfs) return is_one_of(key, k_tmpfs_keys);
  if (type == MountSpec::Type::ramfs) return key == "mode";
  return type == MountSpec::Type::devpts && is_one_of(key, k_devpts_keys);
}

bool is_memory(MountSpec::Type type) { return type == MountSpec::Type::tmpfs || type == MountSpec::Type::ramfs; }

// Words that choose between two; false when `word` is none of them.
bool choose(std::string_view word, MountSpec::Type type, MountWords& words) {
  if (word == "ro" || word == "readonly" || word == "rw") {
    words.writable = word == "rw";
  } else if (word == "copy" || word == "nocopy") {
    words.copy_up = word == "copy";
  } else if (type == MountSpec::Type::tmpfs && (word == "tmpcopyup" || word == "notmpcopyup")) {
    words.copy_up = word == "tmpcopyup";
  } else if (!is_memory(type) && (word == "bind" || word == "rbind")) {
    words.recursive = word == "rbind";
  } else if (is_one_of(word, k_propagation)) {
    words.propagation = word;
  } else {
    return false;
  }
  return true;
}

Error wrong(const MountSpec& mount, const std::string& what) {
  return {Errc::invalid, fmt::format("{} for the mount at '{}'", what, printable(mount.destination))};
}

// What ctr itself acts on; false when `word` is nothing of the kind.
bool ask(const std::string& word, MountWords& words) {
  const auto value = [&] { return word.substr(word.find('=') + 1); };
  if (word == "U") {
    words.chown = true;
  } else if (word == "O") {
    words.overlay = true;
  } else if (word.starts_with("upperdir=")) {
    words.upper_dir = value();
  } else if (word.starts_with("workdir=")) {
    words.work_dir = value();
  } else if (word == "idmap" || word.starts_with("idmap=")) {
    words.id_map = word;
  } else {
    return false;
  }
  return true;
}

// What only an overlay has, and what an overlay has not.
Result<void> check_overlay(const MountSpec& mount, const MountWords& words) {
  const bool has_dirs = !words.upper_dir.empty() || !words.work_dir.empty();
  if (!words.overlay) return has_dirs ? Result<void>(wrong(mount, "upperdir and workdir need the option 'O'")) : ok();
  if (mount.type != MountSpec::Type::bind && mount.type != MountSpec::Type::volume) {
    return wrong(mount, "invalid option 'O'");
  }
  if (words.chown) return wrong(mount, "the options 'O' and 'U' cannot be used together");
  if (!mount.subpath.empty()) return wrong(mount, "the options 'O' and 'subpath' cannot be used together");
  if (words.upper_dir.empty() != words.work_dir.empty()) {
    return wrong(mount, "upperdir and workdir are both needed or none");
  }
  for (const auto* dir : {&words.upper_dir, &words.work_dir}) {
    if (!dir->empty() && !dir->starts_with('/')) return wrong(mount, "upperdir and workdir must be absolute paths");
  }
  return ok();
}

// Ids are mapped for what the kernel mounts as it lies there.
Result<void> check_id_map(const MountSpec& mount, const MountWords& words) {
  if (words.id_map.empty()) return ok();
  using Type = MountSpec::Type;
  if (mount.type != Type::bind && mount.type != Type::volume && mount.type != Type::glob) {
    return wrong(mount, "invalid option 'idmap'");
  }
  const auto* other = words.overlay ? "O" : words.chown ? "U" : mount.subpath.empty() ? nullptr : "subpath";
  if (other == nullptr) return ok();
  return wrong(mount, fmt::format("the options 'idmap' and '{}' cannot be used together", other));
}

}  // namespace

Result<MountWords> sort_words(const MountSpec& mount) {
  MountWords words;
  for (const auto& word : mount.options) {
    const auto key = std::string_view(word).substr(0, word.find('='));
    if (choose(word, mount.type, words) || is_one_of(word, k_ignored)) continue;
    if (ask(word, words)) continue;
    if (is_one_of(word, k_flags) || is_data(mount.type, key)) {
      words.kept.push_back(word);
    } else {
      return wrong(mount, fmt::format("invalid option '{}'", printable(word)));
    }
  }
  if (words.chown && mount.type == MountSpec::Type::ramfs) return wrong(mount, "invalid option 'U'");
  TRY(check_overlay(mount, words));
  TRY(check_id_map(mount, words));
  return words;
}

}  // namespace ctr::engine
