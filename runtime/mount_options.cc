#include "runtime/mount_options.h"

#include <linux/mount.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <string_view>

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

// Understood, and without effect on what mount_setattr can change.
constexpr std::array<std::string_view, 9> k_ignored = {"defaults",   "async",      "loud", "silent",     "iversion",
                                                       "noiversion", "nolazytime", "mand", "notmpcopyup"};

void apply(const AttributeOption& option, uint64_t* set, uint64_t* clear) {
  *set = (*set & ~option.clear) | option.set;
  *clear = (*clear & ~option.set) | option.clear;
}

bool apply_attribute(std::string_view name, MountOptions* out) {
  for (const AttributeOption& option : k_attributes) {
    if (name == option.name) {
      apply(option, &out->set, &out->clear);
      return true;
    }
    if (name.size() == option.name.size() + 1 && name[0] == 'r' && name.substr(1) == option.name) {
      apply(option, &out->set_recursive, &out->clear_recursive);
      return true;
    }
  }
  return false;
}

bool apply_propagation(std::string_view name, MountOptions* out) {
  for (const PropagationOption& option : k_propagations) {
    const bool recursive = name.size() == option.name.size() + 1 && name[0] == 'r' && name.substr(1) == option.name;
    if (name != option.name && !recursive) continue;
    out->propagation = option.flag;
    out->propagation_recursive = recursive;
    return true;
  }
  return false;
}

}  // namespace

Result<MountOptions> parse_mount_options(const std::vector<std::string>& options) {
  MountOptions out;
  for (const std::string& option : options) {
    if (option.empty()) continue;
    if (option == "bind")
      out.bind = true;
    else if (option == "rbind")
      out.bind = out.recursive = true;
    else if (option == "remount")
      out.remount = true;
    else if (option == "tmpcopyup")
      out.copy_up = true;
    else if (option == "idmap" || option == "ridmap")
      return Error(Errc::unsupported, "mount option '" + option + "' is not supported");
    else if (apply_attribute(option, &out) || apply_propagation(option, &out))
      continue;
    else if (std::find(k_ignored.begin(), k_ignored.end(), option) == k_ignored.end())
      out.data.push_back(option);
  }
  return out;
}

}  // namespace ctr::runtime
