#include "storage/root.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>

#include "storage/other_store.h"

namespace ctr::storage {
namespace {

constexpr std::array<const char*, k_areas> k_area_paths = {
    "images",
    "images/blobs/sha256",
    "images/blobs/sha512",
    "images/.partial",
    "images/.pins",
    "layers",
    "layers/.staging",
    "layers/.locks",
    "containers",
    "containers/.staging",
    "names",
    "pods",
    "pods/.staging",
    "pod-names",
    "volumes",
    "volumes/.staging",
    "secrets",
    "secrets/.staging",
    "trash",
};

constexpr const char* k_reserve_name = ".reserve";
// Room for one rewrite of a large index.json and the directory blocks that renames may need.
constexpr off_t k_reserve_bytes = off_t{256} << 10;
// flock(2) cannot wait together with a cancel descriptor, so waiting is asking again at this pace.
constexpr int k_lock_poll_ms = 20;

// mkdir -p beneath `root`.
Result<Dir> make_dirs(const Dir& root, const std::string& path) {
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    auto made = root.make_dir(path.substr(0, slash), 0700);
    if (!made && made.error().sys() != EEXIST) return std::move(made).error();
  }
  return root.open_or_make_dir(path, 0700);
}

}  // namespace

Result<const Dir*> StoreRoot::find_area(Area area) const {
  auto index = static_cast<size_t>(area);
  Dir& dir = areas_[index];
  if (!dir.valid()) {
    auto opened = dir_.open_dir(k_area_paths[index]);
    if (!opened && opened.error().sys() == ENOENT) return static_cast<const Dir*>(nullptr);
    dir = TRY(std::move(opened));
  }
  return static_cast<const Dir*>(&dir);
}

Result<const Dir*> StoreRoot::area(Area area) const {
  if (const Dir* found = TRY(find_area(area))) return found;
  auto index = static_cast<size_t>(area);
  areas_[index] = TRY(make_dirs(dir_, k_area_paths[index]));
  return static_cast<const Dir*>(&areas_[index]);
}

std::string StoreRoot::area_path(Area area) const {
  return dir_.path() + "/" + k_area_paths[static_cast<size_t>(area)];
}

void StoreRoot::warn(std::string_view line) const {
  if (log_ != nullptr) log_->warn(line);
}

const std::vector<std::unique_ptr<StoreRoot>>& StoreRoot::others() const {
  if (has_others_ || !find_others_) return others_;
  has_others_ = true;
  for (const auto& path : find_others_()) {
    auto other = open_other_store(path, log_);
    if (other) {
      others_.push_back(std::move(*other));
    } else {
      warn("the additional image store '" + path + "' is left out: " + other.error().text());
    }
  }
  return others_;
}

void StoreRoot::debug(std::string_view line) const {
  if (log_ != nullptr) log_->debug(line);
}

Result<FileLock> StoreRoot::lock(Area area_of, std::string_view name, LockMode mode, const CancelToken& cancel,
                                 std::string_view what) const {
  const Dir* dir = TRY(area(area_of));
  return FileLock::acquire(*dir, name, mode, cancel, [&](pid_t holder) {
    if (log_ != nullptr) {
      log_->warn("waiting for " + std::string(what) + ", held by process " + std::to_string(holder));
    }
  });
}

Result<FileLock> StoreRoot::lock_open(Fd fd, LockMode mode, const CancelToken& cancel, std::string_view what) const {
  auto begin = std::chrono::steady_clock::now();
  bool told = false;
  while (!TRY(try_flock(fd.get(), mode, what))) {
    TRY(cancel.check());
    struct pollfd wait{cancel.fd(), POLLIN, 0};
    (void)::poll(&wait, 1, k_lock_poll_ms);
    if (!told && log_ != nullptr && std::chrono::steady_clock::now() - begin > std::chrono::seconds(1)) {
      log_->warn("waiting for " + std::string(what) + ", held by another process");
      told = true;
    }
  }
  return FileLock::adopt(std::move(fd));
}

Result<void> StoreRoot::with_reserve(const std::function<Result<void>()>& act) const {
  auto done = act();
  if (done || done.error().code() != Errc::no_space) return done;
  const Dir* trash = TRY(area(Area::trash));
  if (!trash->remove_file(k_reserve_name)) return done;
  return act();
}

void StoreRoot::keep_reserve() const {
  auto trash = area(Area::trash);
  if (!trash || (*trash)->exists(k_reserve_name)) return;
  auto file = (*trash)->open_file(k_reserve_name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!file) return;
  if (::fallocate(file->get(), 0, 0, k_reserve_bytes) < 0) {
    (*trash)->remove_file(k_reserve_name).ignore("a full disk has nothing to keep back");
  }
}

Result<bool> try_flock(int fd, LockMode mode, std::string_view what) {
  int operation = (mode == LockMode::exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
  while (::flock(fd, operation) < 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return Error::from_errno("lock " + std::string(what));
  }
  return true;
}

}  // namespace ctr::storage
