#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "base/file.h"
#include "tests/catch.h"
#include "tests/temporary_dir.h"

using ctr::Dir;
using ctr::Sync;
using ctr::test::TemporaryDir;

namespace {

// Directories one in another, made through descriptors: the path of the last one is longer than PATH_MAX.
void make_deep(const Dir& top, int depth) {
  ctr::Fd fd(::fcntl(top.fd(), F_DUPFD_CLOEXEC, 3));
  for (int level = 0; level < depth; ++level) {
    REQUIRE(::mkdirat(fd.get(), "d", 0700) == 0);
    fd = ctr::Fd(::openat(fd.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(fd.valid());
  }
}

}  // namespace

TEST_CASE("a tree is removed, its links are not followed") {
  TemporaryDir temporary;
  const Dir& dir = temporary.dir();
  REQUIRE(dir.make_dir("kept", 0700));
  REQUIRE(dir.write_file("kept/file", "k", Sync::no));
  REQUIRE(dir.make_dir("tree", 0700));
  REQUIRE(dir.make_dir("tree/below", 0700));
  REQUIRE(dir.write_file("tree/below/file", "f", Sync::no));
  REQUIRE(dir.make_symlink("../kept", "tree/link"));
  REQUIRE(ctr::remove_tree(dir, "tree"));
  CHECK_FALSE(dir.exists("tree"));
  CHECK(dir.exists("kept/file"));
}

TEST_CASE("removing a file, a link or nothing at all is fine") {
  TemporaryDir temporary;
  const Dir& dir = temporary.dir();
  REQUIRE(dir.make_dir("d", 0700));
  REQUIRE(dir.make_symlink("d", "link"));
  REQUIRE(dir.write_file("file", "", Sync::no));
  CHECK(ctr::remove_tree(dir, "link"));
  CHECK(ctr::remove_tree(dir, "file"));
  CHECK(ctr::remove_tree(dir, "never-there"));
  CHECK(dir.exists("d"));
}

TEST_CASE("directories without permissions are removed by their owner") {
  TemporaryDir temporary;
  const Dir& dir = temporary.dir();
  REQUIRE(dir.make_dir("tree", 0700));
  REQUIRE(dir.make_dir("tree/closed", 0700));
  REQUIRE(dir.make_dir("tree/closed/inner", 0700));
  REQUIRE(dir.write_file("tree/closed/file", "", Sync::no));
  REQUIRE(::chmod((temporary.path() + "/tree/closed/inner").c_str(), 0) == 0);
  REQUIRE(::chmod((temporary.path() + "/tree/closed").c_str(), 0) == 0);
  REQUIRE(::chmod((temporary.path() + "/tree").c_str(), 0500) == 0);
  CHECK(ctr::remove_tree(dir, "tree"));
  CHECK_FALSE(dir.exists("tree"));
}

TEST_CASE("a tree deeper than the limit of open descriptors is removed") {
  TemporaryDir temporary;
  Dir tree = temporary.dir().open_or_make_dir("tree", 0700).value();
  make_deep(tree, 3000);
  CHECK(ctr::tree_size(tree)->inodes > 500);
  CHECK(ctr::remove_tree(temporary.dir(), "tree"));
  CHECK_FALSE(temporary.dir().exists("tree"));
}

TEST_CASE("a directory with many entries is removed") {
  TemporaryDir temporary;
  Dir tree = temporary.dir().open_or_make_dir("tree", 0700).value();
  for (int i = 0; i < 3000; ++i) REQUIRE(tree.make_symlink("x", "link" + std::to_string(i)));
  CHECK(ctr::tree_size(tree)->inodes == 3000);
  CHECK(ctr::remove_tree(temporary.dir(), "tree"));
  CHECK_FALSE(temporary.dir().exists("tree"));
}

TEST_CASE("a tree measures its files once, whatever the number of their names") {
  TemporaryDir temporary;
  const Dir& dir = temporary.dir();
  REQUIRE(dir.make_dir("sub", 0700));
  REQUIRE(dir.write_file("sub/a", std::string(1000, 'x'), Sync::no));
  REQUIRE(dir.write_file("b", std::string(24, 'x'), Sync::no));
  REQUIRE(::linkat(dir.fd(), "b", dir.fd(), "sub/c", 0) == 0);
  auto size = ctr::tree_size(dir);
  REQUIRE(size);
  CHECK(size->size_bytes == 1024);
  CHECK(size->inodes == 3);
  CHECK(ctr::sync_file_system(dir));
}
