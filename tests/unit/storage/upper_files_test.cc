// Files that are put into an upper directory which nobody has mounted.
#include "storage/upper_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/unit/storage/support.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

namespace {

using Kind = UpperFiles::Kind;

struct Layers {
  TempDir temp;
  Dir upper, top, base;
  Layers() {
    for (const char* name : {"upper", "top", "base"}) must(temp.dir().make_dir(name, 0755));
    upper = must(temp.dir().open_dir("upper"));
    top = must(temp.dir().open_dir("top"));
    base = must(temp.dir().open_dir("base"));
  }
  UpperFiles files() const {
    return must(UpperFiles::open(temp.path() + "/upper", {temp.path() + "/top", temp.path() + "/base"}));
  }
  static void set_mode(const Dir& layer, const char* name, mode_t mode) {
    REQUIRE(::fchmodat(layer.fd(), name, mode, 0) == 0);
  }
};

mode_t mode_of(const Dir& layer, const char* name) { return must(layer.find(name)).value().st_mode & 07777; }

}  // namespace

TEST_CASE("what is missing is made with the directories above it, whatever the mask is") {
  Layers layers;
  const mode_t old = ::umask(077);
  CHECK(must(layers.files().make("/run/ctr/secret", Kind::file)));
  CHECK(must(layers.files().make("/data", Kind::directory)));
  ::umask(old);
  CHECK(mode_of(layers.upper, "run") == 0755);
  CHECK(mode_of(layers.upper, "run/ctr/secret") == 0755);
  CHECK(S_ISDIR(must(layers.upper.find("data")).value().st_mode));
  CHECK(mode_of(layers.upper, "data") == 0755);
  CHECK(must(layers.upper.find("run/ctr/secret")).value().st_size == 0);
}

TEST_CASE("a directory below is copied up with its mode and times, and what is there stays as it is") {
  Layers layers;
  must(layers.base.make_dir("etc", 0755));
  must(layers.base.write_file("etc/hosts", "there", Sync::no));
  Layers::set_mode(layers.base, "etc", 0711);
  const timespec times[] = {{1000, 5}, {2000, 7}};
  REQUIRE(::utimensat(layers.base.fd(), "etc", times, 0) == 0);
  CHECK(must(layers.files().make("/etc/hosts", Kind::file)));
  CHECK_FALSE(layers.upper.exists("etc/hosts"));
  const auto etc = must(layers.upper.find("etc")).value();
  CHECK((etc.st_mode & 07777) == 0711);
  CHECK(etc.st_mtim.tv_sec == 2000);
  CHECK(etc.st_mtim.tv_nsec == 7);
}

TEST_CASE("text goes behind a file, which is copied up for that, or is the file") {
  Layers layers;
  must(layers.base.make_dir("etc", 0755));
  must(layers.base.write_file("etc/passwd", "root:x:0:0\n", Sync::no, 0640));
  CHECK(must(layers.files().append("/etc/passwd", "me:x:1:1\n")));
  CHECK(must(layers.upper.read_file("etc/passwd")) == "root:x:0:0\nme:x:1:1\n");
  CHECK(mode_of(layers.upper, "etc/passwd") == 0640);
  CHECK(must(layers.base.read_file("etc/passwd")) == "root:x:0:0\n");
  CHECK(must(layers.files().append("/etc/group", "me:x:1:\n")));
  CHECK(must(layers.upper.read_file("etc/group")) == "me:x:1:\n");
  CHECK(mode_of(layers.upper, "etc/group") == 0644);
  // Of the container's own files the owner may be anybody.
  CHECK_FALSE(must(layers.files().append("/etc/passwd", "again")));
}

TEST_CASE("what the caller cannot do as the mounted root would is left alone") {
  Layers layers;
  must(layers.base.make_dir("group", 0755));
  Layers::set_mode(layers.base, "group", 02755);
  must(layers.base.make_dir("named", 0755));
  REQUIRE(::fsetxattr(must(layers.base.open_dir("named")).fd(), "user.color", "red", 3, 0) == 0);
  must(layers.base.make_symlink("/elsewhere", "link"));
  must(layers.base.write_file("file", "", Sync::no));
  must(layers.base.make_dir("gone", 0755));
  must(layers.top.write_file(".wh.gone", "", Sync::no));
  must(layers.upper.write_file(".wh.removed", "", Sync::no));
  for (const char* path :
       {"/group/x", "/named/x", "/link/x", "/file/x", "/gone", "/gone/x", "/removed", "/../x", "/link"}) {
    INFO(path);
    CHECK_FALSE(must(layers.files().make(path, Kind::file)));
    CHECK_FALSE(must(layers.files().append(path, "x")));
  }
  CHECK(must(layers.upper.list()) == std::vector<std::string>{".wh.removed"});
  CHECK_FALSE(layers.temp.dir().exists("x"));
}
