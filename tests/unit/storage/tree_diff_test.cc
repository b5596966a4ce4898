// What two stacks of layers differ in.
#include "storage/tree_diff.h"

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

using Kind = PathChange;

// Layers as directories of a temporary one.
class Layers {
 public:
  Layers() {
    for (const char* name : {"upper", "lower", "base"}) must(temp_.dir().make_dir(name, 0755));
    file("base/etc/passwd", "root");
    file("base/etc/group", "root");
    file("base/usr/bin/tool", "tool");
    file("base/usr/share/doc", "doc");
    file("lower/opt/a", "a");
  }

  void file(const std::string& path, std::string_view content) {
    for (size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
      (void)must(temp_.dir().open_or_make_dir(path.substr(0, at), 0755));
    }
    must(temp_.dir().write_file(path, content, Sync::no, 0644));
  }
  void directory(const std::string& path) { (void)must(temp_.dir().open_or_make_dir(path, 0755)); }
  void whiteout(const std::string& path) {
    REQUIRE(::mknod((temp_.path() + "/" + path).c_str(), S_IFCHR, makedev(0, 0)) == 0);
  }
  void mark(const std::string& path, const char* attribute) {
    REQUIRE(::setxattr((temp_.path() + "/" + path).c_str(), attribute, "y", 1, 0) == 0);
  }
  std::string path(const std::string& name) const { return temp_.path() + "/" + name; }

  Result<PathChanges> try_diff() {
    std::vector<Dir> newer;
    std::vector<Dir> older;
    for (const char* name : {"upper", "lower", "base"}) newer.push_back(must(temp_.dir().open_dir(name)));
    for (const char* name : {"lower", "base"}) older.push_back(must(temp_.dir().open_dir(name)));
    return diff_trees(newer, older);
  }
  PathChanges diff() { return must(try_diff()); }

 private:
  TempDir temp_;
};

}  // namespace

TEST_CASE("an empty layer changes nothing") {
  Layers layers;
  CHECK(layers.diff().empty());
}

TEST_CASE("a layer's files are added or changed, and so are the directories they are in, but not the root") {
  Layers layers;
  layers.file("upper/etc/new", "n");
  layers.file("upper/etc/passwd", "root and more");
  layers.file("upper/srv/www/index", "i");
  CHECK(layers.diff() == PathChanges{{"/etc", Kind::changed},
                                     {"/etc/new", Kind::added},
                                     {"/etc/passwd", Kind::changed},
                                     {"/srv", Kind::added},
                                     {"/srv/www", Kind::added},
                                     {"/srv/www/index", Kind::added}});
}

TEST_CASE("every form of a whiteout is a deletion") {
  Layers layers;
  layers.directory("upper/etc");
  layers.directory("upper/usr");
  layers.directory("upper/opt");
  layers.whiteout("upper/etc/passwd");
  layers.file("upper/usr/.wh.share", "");
  layers.file("upper/opt/a", "");
  layers.mark("upper/opt/a", "user.overlay.whiteout");
  CHECK(layers.diff() == PathChanges{{"/etc", Kind::changed},
                                     {"/etc/passwd", Kind::deleted},
                                     {"/opt", Kind::changed},
                                     {"/opt/a", Kind::deleted},
                                     {"/usr", Kind::changed},
                                     {"/usr/share", Kind::deleted}});
}

TEST_CASE("a directory that was removed and made again has lost what it does not hold") {
  for (const char* attribute : {"user.overlay.opaque", "user.fuseoverlayfs.opaque"}) {
    Layers layers;
    layers.file("upper/usr/share/doc2", "d");
    layers.mark("upper/usr/share", attribute);
    layers.directory("upper/etc");
    layers.file("upper/etc/.wh..wh..opq", "");
    CHECK(layers.diff() == PathChanges{{"/etc", Kind::changed},
                                       {"/etc/group", Kind::deleted},
                                       {"/etc/passwd", Kind::deleted},
                                       {"/usr", Kind::changed},
                                       {"/usr/share", Kind::changed},
                                       {"/usr/share/doc", Kind::deleted},
                                       {"/usr/share/doc2", Kind::added}});
  }
}

TEST_CASE("a directory in place of a file, and a file in place of a directory, are changes") {
  Layers layers;
  layers.directory("upper/etc");
  layers.file("upper/etc/passwd/x", "x");
  layers.file("upper/opt", "a file");
  CHECK(layers.diff() == PathChanges{{"/etc", Kind::changed},
                                     {"/etc/passwd", Kind::changed},
                                     {"/etc/passwd/x", Kind::added},
                                     {"/opt", Kind::changed}});
}

TEST_CASE("a copied-up file with the same status is no change, another mode or time is one") {
  Layers layers;
  const timespec times[2] = {{0, UTIME_OMIT}, {1'700'000'000, 5}};
  const timespec other[2] = {{0, UTIME_OMIT}, {1'700'000'000, 6}};
  layers.file("upper/etc/passwd", "root");
  layers.file("upper/etc/group", "root");
  layers.file("upper/usr/bin/tool", "tool");
  for (const char* name :
       {"base/etc/passwd", "base/etc/group", "base/usr/bin/tool", "upper/etc/passwd", "upper/usr/bin/tool"}) {
    REQUIRE(::utimensat(AT_FDCWD, layers.path(name).c_str(), times, 0) == 0);
  }
  REQUIRE(::utimensat(AT_FDCWD, layers.path("upper/etc/group").c_str(), other, 0) == 0);
  REQUIRE(::chmod(layers.path("upper/usr/bin/tool").c_str(), 04755) == 0);
  CHECK(layers.diff() == PathChanges{{"/etc", Kind::changed},
                                     {"/etc/group", Kind::changed},
                                     {"/usr", Kind::changed},
                                     {"/usr/bin", Kind::changed},
                                     {"/usr/bin/tool", Kind::changed}});
}

TEST_CASE("links of a layer are compared and never followed") {
  Layers layers;
  layers.directory("upper/opt");
  REQUIRE(::symlink("/etc", layers.path("upper/opt/out").c_str()) == 0);
  REQUIRE(::symlink("../../../../../../etc", layers.path("upper/usr").c_str()) == 0);
  CHECK(layers.diff() == PathChanges{{"/opt", Kind::changed}, {"/opt/out", Kind::added}, {"/usr", Kind::changed}});
}

TEST_CASE("against nothing everything is added") {
  Layers layers;
  std::vector<Dir> newer;
  newer.push_back(must(Dir::open(layers.path("lower"))));
  CHECK(must(diff_trees(newer, {})) == PathChanges{{"/opt", Kind::added}, {"/opt/a", Kind::added}});
}
