#include "runtime/container/pid_file.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/paths.h"

namespace ctr::runtime {
namespace {

struct Place {
  Dir dir;
  std::string name;
};

Result<Place> find_place(const std::string& path) {
  const std::string absolute = TRY(absolute_path(path));
  const size_t slash = absolute.rfind('/');
  Dir dir = TRY(Dir::open(slash == 0 ? "/" : absolute.substr(0, slash)));
  return Place{.dir = std::move(dir), .name = absolute.substr(slash + 1)};
}

}  // namespace

Result<void> write_pid_file(const std::string& path, pid_t pid) {
  const Place place = TRY(find_place(path).context("write the pid file"));
  return place.dir.write_file(place.name, std::to_string(pid), Sync::no, 0644)
      .context(fmt::format("write the pid file '{}'", path));
}

Result<void> remove_pid_file(const std::string& path) {
  const Place place = TRY(find_place(path));
  auto removed = place.dir.remove_file(place.name);
  if (!removed && removed.error().code() == Errc::not_found) return ok();
  return removed;
}

}  // namespace ctr::runtime
