#include "engine/network/proxy/names_reader.h"

#include <dirent.h>
#include <fcntl.h>

#include <memory>

#include "base/fd.h"
#include "base/json.h"
#include "engine/network/definition.h"
#include "engine/network/members.h"

namespace ctr::engine::network {
namespace {

constexpr size_t k_limit_bytes = size_t{4} << 20;

// The files are the user's own. Only plain openat(2) passes the filter of netproxy.
std::string read_text(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) return {};
  auto text = read_all(file.get(), k_limit_bytes, path);
  return text ? std::move(*text) : std::string();
}

NetworkDefinition read_definition(const std::string& path) {
  const auto json = parse_json(read_text(path), path);
  if (!json) return {};
  auto definition = definition_from_json(JsonReader(*json, path));
  return definition ? std::move(*definition) : NetworkDefinition();
}

}  // namespace

bool NamesReader::Stamp::operator==(const Stamp& other) const {
  return inode == other.inode && changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec &&
         size_bytes == other.size_bytes && links == other.links;
}

NamesReader::Stamp NamesReader::stamp_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) < 0) return {};
  return {status.st_ino, status.st_mtim, status.st_size, status.st_nlink};
}

void NamesReader::list_networks() {
  Fd folder(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(folder.valid() ? ::fdopendir(folder.get()) : nullptr, &::closedir);
  if (dir != nullptr) (void)folder.release();
  std::map<std::string, Seen> found;
  while (dir != nullptr) {
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name.starts_with('.')) continue;
    const auto known = seen_.find(name);
    found.emplace(name, known == seen_.end() ? Seen() : known->second);
  }
  seen_ = std::move(found);
  std::erase_if(networks_, [&](const auto& entry) { return !seen_.contains(entry.first); });
}

void NamesReader::read_network(const std::string& name, Seen& seen) {
  const auto dir = root_ + "/" + name + "/";
  const Seen now = {stamp_of(dir + k_names_file), stamp_of(dir + k_definition_file)};
  if (now.names == seen.names && now.definition == seen.definition && networks_.contains(name)) return;
  seen = now;
  networks_[name] =
      dns::known_network(read_definition(dir + k_definition_file), parse_names(read_text(dir + k_names_file)));
}

const dns::KnownNetworks& NamesReader::read() {
  const auto now = stamp_of(root_);
  if (!(now == listed_)) {
    list_networks();
    listed_ = now;
  }
  for (auto& [name, seen] : seen_) read_network(name, seen);
  return networks_;
}

}  // namespace ctr::engine::network
