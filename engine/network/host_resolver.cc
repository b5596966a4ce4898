#include "engine/network/host_resolver.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "engine/network/host_names.h"
#include "engine/network/netlink.h"

namespace ctr::engine::network {
namespace {

constexpr uint32_t k_changes = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB;

// Source: path_resolution(7).
constexpr int k_most_links = 40;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// Where a symbolic link leads to; nothing where there is none.
std::string link_target(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const auto size = ::readlink(path.c_str(), target.data(), target.size());
  if (size <= 0 || static_cast<size_t>(size) == target.size()) return {};
  std::string text(target.data(), static_cast<size_t>(size));
  return text.front() == '/' ? text : folder_of(path) + "/" + text;
}

}  // namespace

std::vector<std::string> name_servers(std::string_view resolv_conf) {
  std::vector<std::string> servers;
  for (const auto& line : split(resolv_conf, '\n')) {
    const auto words = line_words(line);
    if (words.size() < 2 || words[0] != "nameserver") continue;
    const auto scoped = split_once(words[1], '%');
    if (!parse_ip_address(scoped ? scoped->first : words[1])) continue;
    servers.push_back(words[1]);
  }
  return servers;
}

HostResolver::HostResolver(std::string path)
    : path_(std::move(path)), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  (void)look();
}

// Watches are added to what there is: for a folder that is watched already this changes nothing.
void HostResolver::watch() {
  if (!inotify_.valid()) return;
  // systemd-resolved and NetworkManager keep the file in /run, behind a symbolic link, which leads nowhere until they
  // have been started.
  auto path = path_;
  for (int links = 0; links < k_most_links && !path.empty(); ++links, path = link_target(path)) {
    watch_folder(folder_of(path));
  }
}

// One that is not there yet is noticed by the nearest one above it.
void HostResolver::watch_folder(const std::string& wanted) {
  std::string last;
  for (auto folder = wanted;;) {
    while (::inotify_add_watch(inotify_.get(), folder.c_str(), k_changes) < 0) {
      if (folder == "/") return;
      folder = folder_of(folder);
    }
    if (folder == wanted || folder == last) return;
    // Those below may have been made meanwhile.
    last = std::exchange(folder, wanted);
  }
}

bool HostResolver::look() {
  std::array<char, 4096> events{};
  while (inotify_.valid() && ::read(inotify_.get(), events.data(), events.size()) > 0) {
  }
  // Before it is read, so that no change falls between.
  watch();
  const auto text = read_file_if_exists(path_);
  auto servers = name_servers(text && *text ? **text : "");
  if (servers == servers_) return false;
  servers_ = std::move(servers);
  return true;
}

}  // namespace ctr::engine::network
