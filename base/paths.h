// Where this user's data, state and configuration live.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace ctr {

// The environment as a value, so that tests give their own.
using Environment = std::map<std::string, std::string>;
// `environ_block` as of environ(7); the first of two equal names counts. Entries without "=" are left out.
Environment read_environment(char** environ_block);
// Empty when unset.
std::string environment_value(const Environment& environment, const std::string& name);

struct UserPaths {
  std::string home;         // $HOME
  std::string data_home;    // $XDG_DATA_HOME or ~/.local/share
  std::string config_home;  // $XDG_CONFIG_HOME or ~/.config
  std::string cache_home;   // $XDG_CACHE_HOME or ~/.cache
  std::string runtime_dir;  // $XDG_RUNTIME_DIR, else /run/user/UID if ours, else /tmp/ctr-run-UID (0700, owner checked)
  std::string store;        // data_home + "/ctr"
  std::string run;          // runtime_dir + "/ctr"
  std::string image_store = {};  // the store that images are in, if it is another one than that of the containers
  // Stores of others whose images are used, too, in the order in which they are looked into. Asked for when an image is
  // not in the own store. Empty: there are none.
  std::function<std::vector<std::string>()> image_stores = {};
};
// Errors: not_found when $HOME is neither set nor in /etc/passwd; permission when a directory belongs to somebody else.
// Source: XDG Base Directory Specification.
Result<UserPaths> find_user_paths(const Environment& environment, unsigned uid);

// The directory that holds the running binary, from /proc/self/exe.
Result<std::string> own_binary_dir();
// An absolute path of a helper program from a fixed list of system directories and $PATH; nullopt-like empty if absent.
std::string find_program(const std::string& name, const Environment& environment);
// `path` made absolute against the working directory, "." and ".." removed lexically.
Result<std::string> absolute_path(const std::string& path);

}  // namespace ctr
