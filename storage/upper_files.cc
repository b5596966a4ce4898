#include "storage/upper_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "storage/merged_dir.h"

namespace ctr::storage {
namespace {

// Account files are a few kilobytes.
constexpr size_t k_copy_limit_bytes = size_t{1} << 20;

// A copy of it by the caller is what a copy by root would be.
bool is_plain(const Fd& file, const struct stat& status) {
  if (status.st_uid != ::geteuid() || status.st_gid != ::getegid() || (status.st_mode & S_ISGID) != 0) return false;
  return ::flistxattr(file.get(), nullptr, 0) == 0;
}

Result<void> take_over(const Fd& copy, const struct stat& from) {
  if (::fchmod(copy.get(), from.st_mode & 07777) < 0) return Error::from_errno("set the mode of a copy");
  const std::array times = {from.st_atim, from.st_mtim};
  if (::futimens(copy.get(), times.data()) < 0) return Error::from_errno("set the times of a copy");
  return ok();
}

// A directory that is merged, and its part in the upper layer, which is the first one if there is one.
class Place {
 public:
  explicit Place(MergedDir merged) : merged_(std::move(merged)) {}

  const Dir& upper() const { return merged_.front(); }

  Result<FoundEntry> look_up(const std::string& name) const { return storage::look_up(merged_, name); }
  // No layer says anything about the name, not even that it is gone.
  Result<bool> is_unknown(const std::string& name) const {
    for (const Dir& layer : merged_) {
      if (TRY(layer.find(name)) || layer.exists(fmt::format("{}{}", k_whiteout_file_prefix, name))) return false;
    }
    return true;
  }
  bool is_above(const FoundEntry& found) const { return found.in == &upper(); }

  // Goes down into the directory `found`, which is copied up for that. nullopt: that is left to others.
  Result<std::optional<Place>> enter(const std::string& name, FoundEntry found) const {
    if (is_above(found)) return std::optional(Place(std::move(found.directory)));
    if (upper().exists(fmt::format("{}{}", k_whiteout_file_prefix, name))) return std::optional<Place>();
    const Fd from = TRY(found.in->open_file(name, O_RDONLY | O_DIRECTORY));
    if (!is_plain(from, found.status)) return std::optional<Place>();
    TRY(upper().make_dir(name, 0700));
    Dir copy = TRY(upper().open_dir(name));
    const Fd to = TRY(copy.open_file(".", O_RDONLY | O_DIRECTORY));
    TRY(take_over(to, found.status));
    found.directory.insert(found.directory.begin(), std::move(copy));
    return std::optional(Place(std::move(found.directory)));
  }

  Result<Place> make_directory(const std::string& name) const {
    TRY(upper().make_dir(name, 0755));
    MergedDir made;
    made.push_back(TRY(upper().open_dir(name)));
    const Fd file = TRY(made.front().open_file(".", O_RDONLY | O_DIRECTORY));
    if (::fchmod(file.get(), 0755) < 0) return Error::from_errno("set the mode of a directory");
    return Place(std::move(made));
  }

  Result<Fd> make_file(const std::string& name, mode_t mode) const {
    Fd file = TRY(upper().open_file(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
    if (::fchmod(file.get(), mode) < 0) return Error::from_errno("set the mode of a file");
    return file;
  }

 private:
  MergedDir merged_;
};

std::vector<std::string> components(std::string_view path) {
  std::vector<std::string> out;
  for (auto& part : split(path, '/')) {
    if (!part.empty()) out.push_back(std::move(part));
  }
  return out;
}

// The directory of the last one of `names`; nullopt: it is reached by ways that are left to others.
Result<std::optional<Place>> reach(const std::vector<Dir>& layers, const std::vector<std::string>& names) {
  MergedDir top;
  for (const Dir& layer : layers) top.push_back(TRY(layer.open_dir(".")));
  std::optional<Place> place(std::in_place, std::move(top));
  for (size_t i = 0; place && i + 1 < names.size(); ++i) {
    if (names[i] == ".." || names[i] == ".") return std::optional<Place>();
    auto found = TRY(place->look_up(names[i]));
    if (found.kind == FoundEntry::Kind::directory) {
      auto next = TRY(place->enter(names[i], std::move(found)));
      place = std::move(next);
    } else if (found.kind == FoundEntry::Kind::none && TRY(place->is_unknown(names[i]))) {
      auto next = TRY(place->make_directory(names[i]));
      place.emplace(std::move(next));
    } else {
      return std::optional<Place>();
    }
  }
  return place;
}

// The copy in the upper layer of a file below it.
Result<std::optional<Fd>> copy_up(const Place& place, const std::string& name, const FoundEntry& found) {
  if (!S_ISREG(found.status.st_mode)) return std::optional<Fd>();
  if (place.upper().exists(fmt::format("{}{}", k_whiteout_file_prefix, name))) return std::optional<Fd>();
  const Fd from = TRY(found.in->open_file(name, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (!is_plain(from, found.status) || static_cast<size_t>(found.status.st_size) > k_copy_limit_bytes) {
    return std::optional<Fd>();
  }
  const auto text = TRY(read_all(from.get(), k_copy_limit_bytes, "'" + printable(name) + "'"));
  Fd file = TRY(place.make_file(name, found.status.st_mode & 07777));
  TRY(write_all(file.get(), text, "'" + printable(name) + "'"));
  return std::optional(std::move(file));
}

}  // namespace

Result<UpperFiles> UpperFiles::open(const std::string& upper, const std::vector<std::string>& lower) {
  std::vector<Dir> layers;
  layers.push_back(TRY(Dir::open(upper)));
  for (const auto& path : lower) layers.push_back(TRY(Dir::open(path)));
  return UpperFiles(std::move(layers));
}

Result<bool> UpperFiles::make(std::string_view path, Kind kind) const {
  const auto names = components(path);
  if (names.empty()) return true;
  const auto place = TRY(reach(layers_, names));
  if (!place) return false;
  const auto& name = names.back();
  const auto found = TRY(place->look_up(name));
  if (found.kind != FoundEntry::Kind::none) return found.kind != FoundEntry::Kind::link;
  if (!TRY(place->is_unknown(name))) return false;
  if (kind == Kind::directory) {
    (void)TRY(place->make_directory(name));
  } else {
    (void)TRY(place->make_file(name, 0755));
  }
  return true;
}

Result<bool> UpperFiles::append(std::string_view path, std::string_view text) const {
  const auto names = components(path);
  if (names.empty()) return false;
  const auto place = TRY(reach(layers_, names));
  if (!place) return false;
  const auto& name = names.back();
  const auto found = TRY(place->look_up(name));
  std::optional<Fd> file;
  if (found.kind == FoundEntry::Kind::none) {
    if (!TRY(place->is_unknown(name))) return false;
    file = TRY(place->make_file(name, 0644));
  } else if (found.kind == FoundEntry::Kind::other && !place->is_above(found)) {
    file = TRY(copy_up(*place, name, found));
  }
  // One that is up already may be anybody's.
  if (!file) return false;
  TRY(write_all(file->get(), text, "'" + printable(path) + "'"));
  return true;
}

}  // namespace ctr::storage
