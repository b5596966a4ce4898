#include "engine/config_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/file.h"

namespace ctr::engine {
namespace {

// *.conf of a drop-in directory in byte order. False: there is no such directory.
Result<bool> add_drop_ins(const std::string& path, std::vector<std::string>& files) {
  const auto dir = Dir::open(path);
  if (!dir) return false;
  auto names = TRY(dir->list());
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    if (name.ends_with(".conf")) files.push_back(path + "/" + name);
  }
  return true;
}

}  // namespace

Result<std::vector<std::string>> config_files(const std::vector<std::string>& folders, std::string_view stem,
                                              unsigned uid) {
  std::vector<std::string> files;
  for (const auto& folder : folders) {
    const auto base = fmt::format("{}/{}", folder, stem);
    files.push_back(base + ".conf");
    (void)TRY(add_drop_ins(base + ".conf.d", files));
    const auto own = base + (uid == 0 ? ".rootful.conf.d" : ".rootless.conf.d");
    if (TRY(add_drop_ins(own, files)) && uid != 0) (void)TRY(add_drop_ins(fmt::format("{}/{}", own, uid), files));
  }
  return files;
}

}  // namespace ctr::engine
