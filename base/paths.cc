#include "base/paths.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/file.h"
#include "base/text.h"
#include "base/users.h"

namespace ctr {
namespace {

// Of an XDG variable; relative values are ignored, as the specification demands.
std::string absolute_value(const Environment& environment, const std::string& name) {
  std::string value = environment_value(environment, name);
  if (value.empty() || value.front() != '/') return "";
  while (value.size() > 1 && value.back() == '/') value.pop_back();
  return value;
}

Result<std::string> find_home(const Environment& environment, unsigned uid) {
  std::string home = absolute_value(environment, "HOME");
  if (!home.empty()) return home;
  auto user = TRY(find_host_user(uid));
  if (user && !user->home.empty() && user->home.front() == '/') return user->home;
  return Error(Errc::not_found,
               "no home directory: $HOME is not set and uid " + std::to_string(uid) + " is not in /etc/passwd")
      .with_hint("set HOME to a directory of yours");
}

// lstat: a link in the place of one of our directories is somebody else's choice.
Result<std::optional<struct stat>> find_path(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0) return std::optional(info);
  if (errno == ENOENT || errno == ENOTDIR) return std::optional<struct stat>();
  return Error::from_errno("stat '" + path + "'");
}

Result<void> check_owner(const std::string& path, const std::string& variable, unsigned uid) {
  struct stat info{};
  // Follows links: users move their data directory to another disk that way.
  if (::stat(path.c_str(), &info) < 0 || info.st_uid == uid) return ok();
  return Error(Errc::permission,
               "'" + path + "' belongs to uid " + std::to_string(info.st_uid) + ", not to uid " + std::to_string(uid))
      .with_hint("log in as this user instead of switching to it, or set " + variable + " to a directory of its own");
}

// A private directory below /tmp, where anybody may have made the name first.
Result<std::string> make_temporary_runtime_dir(unsigned uid) {
  std::string path = "/tmp/ctr-run-" + std::to_string(uid);
  if (::mkdir(path.c_str(), 0700) < 0 && errno != EEXIST) return Error::from_errno("create '" + path + "'");
  auto info = TRY(find_path(path));
  if (!info || !S_ISDIR(info->st_mode) || info->st_uid != uid || (info->st_mode & 077U) != 0) {
    return Error(Errc::permission, "'" + path + "' is not a private directory of uid " + std::to_string(uid))
        .with_hint("remove it, or set XDG_RUNTIME_DIR to a private directory");
  }
  return path;
}

Result<std::string> find_runtime_dir(const Environment& environment, unsigned uid) {
  std::string path = absolute_value(environment, "XDG_RUNTIME_DIR");
  if (!path.empty()) {
    TRY(check_owner(path, "XDG_RUNTIME_DIR", uid));
    return path;
  }
  path = "/run/user/" + std::to_string(uid);
  auto info = TRY(find_path(path));
  if (info && S_ISDIR(info->st_mode) && info->st_uid == uid) return path;
  return make_temporary_runtime_dir(uid);
}

bool is_program(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Environment read_environment(char** environ_block) {
  Environment environment;
  for (char** entry = environ_block; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    size_t equals = text.find('=');
    // The first of two equal names wins, as in getenv(3).
    if (equals != std::string_view::npos) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::string environment_value(const Environment& environment, const std::string& name) {
  auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

Result<UserPaths> find_user_paths(const Environment& environment, unsigned uid) {
  UserPaths paths;
  paths.home = TRY(find_home(environment, uid));
  auto xdg = [&](const char* variable, const char* below_home) {
    std::string value = absolute_value(environment, variable);
    return value.empty() ? paths.home + below_home : value;
  };
  paths.data_home = xdg("XDG_DATA_HOME", "/.local/share");
  paths.config_home = xdg("XDG_CONFIG_HOME", "/.config");
  paths.cache_home = xdg("XDG_CACHE_HOME", "/.cache");
  paths.store = paths.data_home + "/ctr";
  TRY(check_owner(paths.store, "XDG_DATA_HOME", uid));
  paths.runtime_dir = TRY(find_runtime_dir(environment, uid));
  paths.run = paths.runtime_dir + "/ctr";
  return paths;
}

Result<std::string> own_binary_dir() {
  std::array<char, 4096> target{};
  ssize_t length = ::readlink("/proc/self/exe", target.data(), target.size());
  if (length < 0) return Error::from_errno("read the link '/proc/self/exe'");
  std::string_view path(target.data(), static_cast<size_t>(length));
  // A binary that was replaced reads "/usr/bin/ctr (deleted)"; its directory is the same.
  return std::string(path.substr(0, path.rfind('/')));
}

std::string find_program(const std::string& name, const Environment& environment) {
  if (name.empty() || name.find('/') != std::string::npos) return "";
  // System directories first: a helper such as newuidmap has file capabilities there and nowhere else.
  for (const char* dir : {"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/bin", "/sbin"}) {
    std::string path = std::string(dir) + "/" + name;
    if (is_program(path)) return path;
  }
  for (const auto& dir : split(environment_value(environment, "PATH"), ':')) {
    std::string path = dir + "/" + name;
    if (path.front() == '/' && is_program(path)) return path;
  }
  return "";
}

Result<std::string> absolute_path(const std::string& path) {
  std::string whole = path;
  if (path.empty() || path.front() != '/') {
    std::array<char, 4096> cwd{};
    if (::getcwd(cwd.data(), cwd.size()) == nullptr) return Error::from_errno("find the working directory");
    whole = std::string(cwd.data()) + "/" + path;
  }
  std::vector<std::string> kept;
  for (auto& part : split(whole, '/')) {
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!part.empty() && part != ".") {
      kept.push_back(std::move(part));
    }
  }
  return "/" + join(kept, "/");
}

}  // namespace ctr
