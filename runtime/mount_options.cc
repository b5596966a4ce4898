#include "runtime/mount_options.h"

#include <linux/mount.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>

namespace ctr::runtime {
namespace {

struct AttributeOption {
  std::string_view name;
  uint64_t set;
  uint64_t clear;
};

// Access times are one field of three values, which has to be cleared before it is set (mount_setattr(2)).
constexpr uint64_t k_atime = MOUNT_ATTR__ATIME;

constexpr std::array<AttributeOption, 18> k_attributes = {{
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
    {"noatime", MOUNT_ATTR_NOATIME, k_atime},
    {"atime", MOUNT_ATTR_RELATIME, k_atime},
    {"relatime", MOUNT_ATTR_RELATIME, k_atime},
    {"norelatime", MOUNT_ATTR_RELATIME, k_atime},
    {"strictatime", MOUNT_ATTR_STRICTATIME, k_atime},
    {"nostrictatime", MOUNT_ATTR_RELATIME, k_atime},
}};

struct PropagationOption {
  std::string_view name;
  uint64_t flag;
};

constexpr std::array<PropagationOption, 4> k_propagations = {{
    {"private", MS_PRIVATE},
    {"slave", MS_SLAVE},
    {"shared", MS_SHARED},
    {"unbindable", MS_UNBINDABLE},
}};

struct SwitchOption {
  std::string_view name;
  bool MountOptions::* member;
  bool value;
};

constexpr std::array<SwitchOption, 8> k_switches = {{
    {"bind", &MountOptions::bind, true},
    {"remount", &MountOptions::remount, true},
    {"tmpcopyup", &MountOptions::copy_up, true},
    {"notmpcopyup", &MountOptions::copy_up, false},
    {"src-nofollow", &MountOptions::source_nofollow, true},
    {"dest-nofollow", &MountOptions::destination_nofollow, true},
    {"copy-symlink", &MountOptions::copy_symlink, true},
    {"rbind", &MountOptions::recursive, true},
}};

// Words about the superblock, which it is given as they are; each takes its opposite back (fs_context.c of the kernel).
struct SuperblockOption {
  std::string_view name;
  std::string_view opposite;
};

constexpr std::array<SuperblockOption, 5> k_superblock = {{
    {"sync", "async"},
    {"async", "sync"},
    {"dirsync", ""},
    {"lazytime", "nolazytime"},
    {"nolazytime", "lazytime"},
}};

// Understood, and without effect: what a mount is without them, what the kernel says in its log (loud, silent), what it
// no longer has (mand) or decides for each file system by itself (iversion).
constexpr std::array<std::string_view, 7> k_ignored = {"defaults",   "loud", "silent", "iversion",
                                                       "noiversion", "mand", "nomand"};

bool is_recursive_form(std::string_view name, std::string_view plain) {
  return name.size() == plain.size() + 1 && name[0] == 'r' && name.substr(1) == plain;
}

void apply(const AttributeOption& option, uint64_t* set, uint64_t* clear) {
  *set = (*set & ~option.clear) | option.set;
  *clear = (*clear & ~option.set) | option.clear;
}

bool apply_attribute(std::string_view name, MountOptions* out) {
  for (const AttributeOption& option : k_attributes) {
    if (name == option.name) return apply(option, &out->set, &out->clear), true;
    if (is_recursive_form(name, option.name)) return apply(option, &out->set_recursive, &out->clear_recursive), true;
  }
  return false;
}

bool apply_propagation(std::string_view name, MountOptions* out) {
  const auto propagation = parse_propagation(name);
  if (propagation) out->propagations.push_back(*propagation);
  return propagation.has_value();
}

bool apply_switch(std::string_view name, MountOptions* out) {
  for (const SwitchOption& option : k_switches) {
    if (name != option.name) continue;
    out->*option.member = option.value;
    if (option.member == &MountOptions::recursive) out->bind = true;
    return true;
  }
  return false;
}

bool apply_superblock(std::string_view name, MountOptions* out) {
  for (const SuperblockOption& option : k_superblock) {
    if (name != option.name) continue;
    std::erase(out->data, option.opposite);
    out->data.emplace_back(name);
    return true;
  }
  return false;
}

bool apply_id_mapping(std::string_view option, MountOptions* out) {
  const std::string_view name = option.substr(0, option.find('='));
  if (name != "idmap" && name != "ridmap") return false;
  out->id_mapping = name == "idmap" ? MountOptions::IdMapping::top : MountOptions::IdMapping::tree;
  out->id_ranges = name.size() == option.size() ? std::string_view() : option.substr(name.size() + 1);
  return true;
}

bool apply_subpath(std::string_view option, MountOptions* out) {
  const bool makes = option.starts_with(k_made_subpath_option);
  if (!makes && !option.starts_with(k_subpath_option)) return false;
  out->makes_subpath = makes;
  option.remove_prefix(option.find('=') + 1);
  while (option.starts_with('/')) option.remove_prefix(1);
  out->subpath = option.empty() ? "." : option;
  return true;
}

}  // namespace

std::optional<MountPropagation> parse_propagation(std::string_view name) {
  for (const PropagationOption& option : k_propagations) {
    const bool recursive = is_recursive_form(name, option.name);
    if (name == option.name || recursive) return MountPropagation{.flag = option.flag, .recursive = recursive};
  }
  return std::nullopt;
}

Result<MountOptions> parse_mount_options(const std::vector<std::string>& options) {
  MountOptions out;
  for (const std::string& option : options) {
    if (option.empty()) continue;
    if (option.find('\0') != std::string::npos) return Error(Errc::invalid, "a mount option contains a NUL byte");
    const bool known = apply_switch(option, &out) || apply_attribute(option, &out) || apply_propagation(option, &out) ||
                       apply_superblock(option, &out) || apply_id_mapping(option, &out) ||
                       apply_subpath(option, &out) ||
                       std::find(k_ignored.begin(), k_ignored.end(), option) != k_ignored.end();
    if (!known) out.data.push_back(option);
  }
  return out;
}

std::vector<std::string> known_mount_options() {
  std::vector<std::string> out(k_ignored.begin(), k_ignored.end());
  const auto add = [&](std::string_view name, bool has_recursive_form) {
    out.emplace_back(name);
    if (has_recursive_form) out.push_back("r" + std::string(name));
  };
  for (const auto& option : k_attributes) add(option.name, true);
  for (const auto& option : k_propagations) add(option.name, true);
  for (const auto& option : k_switches) add(option.name, false);
  for (const auto& option : k_superblock) add(option.name, false);
  add("idmap", true);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace ctr::runtime
