#include "engine/network/host_resolver.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>

#include "base/file.h"
#include "base/text.h"
#include "engine/network/netlink.h"

namespace ctr::engine::network {
namespace {

constexpr uint32_t k_changes = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB;

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

std::vector<std::string> name_servers(std::string_view resolv_conf) {
  std::vector<std::string> servers;
  for (const auto& line : split(resolv_conf, '\n')) {
    std::vector<std::string> words;
    for (const auto& part : split(line, '\t')) {
      for (auto& word : split(part, ' ')) {
        if (!word.empty()) words.push_back(std::move(word));
      }
    }
    if (words.size() < 2 || words[0] != "nameserver" || !parse_ip_address(words[1])) continue;
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
  (void)::inotify_add_watch(inotify_.get(), folder_of(path_).c_str(), k_changes);
  // systemd-resolved and NetworkManager keep the file in /run, behind a symbolic link.
  std::array<char, PATH_MAX> target{};
  if (::realpath(path_.c_str(), target.data()) == nullptr) return;
  const auto folder = folder_of(target.data());
  if (folder != folder_of(path_)) (void)::inotify_add_watch(inotify_.get(), folder.c_str(), k_changes);
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
