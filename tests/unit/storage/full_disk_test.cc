// A file system without room or without inodes: removing works, everything else ends in one clear error and gives the
// space back.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>

#include "tests/unit/storage/support.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

namespace {

bool write_kernel_file(const char* path, const std::string& text) {
  Fd file(::open(path, O_WRONLY | O_CLOEXEC));
  return file.valid() && write_all(file.get(), text, path);
}

// Mounts a small file system at `path` in a mount namespace of this process alone.
bool enter_small_disk(const std::string& path, const char* options) {
  uid_t uid = ::geteuid();
  gid_t gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return false;
  return write_kernel_file("/proc/self/setgroups", "deny") &&
         write_kernel_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1") &&
         write_kernel_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1") &&
         ::mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options) == 0;
}

// Runs `act` on a small disk in a child process; it returns what went wrong, or nothing.
void on_small_disk(const char* options, const std::function<Result<void>(const std::string& path)>& act) {
  TempDir temp;
  pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    if (!enter_small_disk(temp.path(), options)) ::_exit(2);
    auto done = act(temp.path());
    if (!done) std::fprintf(stderr, "%s\n", done.error().text().c_str());
    ::_exit(done ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFEXITED(status));
  // 2: this machine gives no user namespace; ctr itself cannot work there, and its doctor says so.
  CHECK(WEXITSTATUS(status) == 0);
}

uint64_t free_bytes(const std::string& path) {
  struct statvfs info{};
  (void)::statvfs(path.c_str(), &info);
  return static_cast<uint64_t>(info.f_bavail) * info.f_bsize;
}

// Takes every byte that is left.
void fill_bytes(const std::string& path) {
  Fd file(::open((path + "/filler").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  std::string block(4096, 'x');
  while (::write(file.get(), block.data(), block.size()) > 0) {
  }
}

void fill_inodes(const std::string& path) {
  for (int i = 0; i < 100'000; ++i) {
    Fd file(::open((path + "/inode" + std::to_string(i)).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!file.valid()) return;
  }
}

Result<void> expect(bool condition, const char* what) {
  return condition ? ok() : Result<void>(Error(Errc::internal, what));
}

// An image entry, a container and a volume, without content: removing must work whatever they hold.
Result<Digest> furnish(const Store& store) {
  auto config = digest_of("config");
  oci::Descriptor manifest{.media_type = "application/vnd.oci.image.manifest.v1+json",
                           .digest = digest_of("manifest"),
                           .size_bytes = 8,
                           .platform = {},
                           .annotations = {}};
  TRY(store.images().add({.manifest = manifest,
                          .config = config,
                          .names = {"r/x:1"},
                          .repo_digests = {},
                          .size_bytes = 1,
                          .created = {},
                          .stored_at = {}}));
  auto container = TRY(store.containers().begin(ContainerId::make_random(), "web"));
  TRY(container.dir().write_file("container.json", std::string(10'000, ' '), Sync::no));
  TRY(container.commit());
  (void)TRY(store.volumes().hold_or_make({.name = "data", .labels = {}, .options = {}}, Sync::yes));
  return config;
}

Result<void> remove_everything(const UserPaths& paths, const Digest& image) {
  auto store = TRY(Store::open(paths));
  auto nobody = [](const Digest&) { return Result<std::optional<std::string>>(std::optional<std::string>()); };
  TRY(store.containers().remove(TRY(store.containers().resolve("web")).id));
  (void)TRY(store.images().remove(image, {}, nobody));
  // What is still held is not reclaimed.
  TRY(store.volumes().remove(*TRY(store.volumes().hold("data", LockMode::exclusive))));
  (void)TRY(store.trash().reclaim());
  TRY(expect(TRY(store.trash().is_empty()), "the trash is not empty"));
  TRY(expect(TRY(store.images().list()).empty(), "the image is still there"));
  return expect(TRY(store.containers().list()).empty(), "the container is still there");
}

}  // namespace

TEST_CASE("containers, images and volumes can be removed on a full disk") {
  on_small_disk("size=4m", [](const std::string& path) -> Result<void> {
    auto paths = paths_below(path);
    Digest image = TRY(furnish(TRY(Store::open(paths))));
    fill_bytes(path);
    TRY(expect(free_bytes(path) == 0, "the disk is not full"));
    return remove_everything(paths, image);
  });
}

TEST_CASE("containers, images and volumes can be removed without a free inode") {
  on_small_disk("size=8m,nr_inodes=200", [](const std::string& path) -> Result<void> {
    auto paths = paths_below(path);
    Digest image = TRY(furnish(TRY(Store::open(paths))));
    fill_inodes(path);
    return remove_everything(paths, image);
  });
}

TEST_CASE("a download that fills the disk ends in an error and gives the space back") {
  on_small_disk("size=2m", [](const std::string& path) -> Result<void> {
    auto store = TRY(Store::open(paths_below(path)));
    std::string content(8 << 20, 'x');
    oci::Descriptor blob{.media_type = "",
                         .digest = digest_of(content),
                         .size_bytes = content.size(),
                         .platform = {},
                         .annotations = {}};
    (void)store.blobs().has(blob.digest);
    uint64_t before = 0;
    {
      auto staging = TRY(store.blobs().begin(blob));
      before = free_bytes(path);
      Result<void> written;
      for (size_t at = 0; at < content.size() && written; at += 65'536)
        written = staging->append(content.substr(at, 65'536));
      TRY(expect(!written && written.error().code() == Errc::no_space, "the disk was not full"));
    }
    return expect(free_bytes(path) >= before, "the space was not given back");
  });
}

TEST_CASE("a layer that fills the disk ends in an error and gives the space back") {
  on_small_disk("size=2m", [](const std::string& path) -> Result<void> {
    auto store = TRY(Store::open(paths_below(path)));
    uint64_t before = 0;
    {
      (void)TRY(furnish(store));  // the reserve of the store is in place
      auto staging = TRY(store.layers().begin({digest_of("layer")}));
      before = free_bytes(path);
      TarBuilder tar;
      for (int i = 0; i < 100; ++i) tar.file("f" + std::to_string(i), std::string(100'000, 'x'));
      auto layer = unpack(tar.finish(), staging->diff());
      TRY(expect(!layer && layer.error().code() == Errc::no_space, "the disk was not full"));
    }
    (void)TRY(store.trash().reclaim());
    return expect(free_bytes(path) >= before, "the space was not given back");
  });
}
