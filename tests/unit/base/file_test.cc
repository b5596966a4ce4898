#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tests/catch.h"
#include "tests/temporary_dir.h"

using ctr::Dir;
using ctr::Errc;
using ctr::Sync;
using ctr::test::TemporaryDir;

TEST_CASE("a written file reads back and leaves no temporary") {
  TemporaryDir temporary;
  const Dir& dir = temporary.dir();
  REQUIRE(dir.write_file("a", "one", Sync::yes));
  REQUIRE(dir.write_file("a", "two", Sync::no, 0640));
  CHECK(*dir.read_file("a") == "two");
  CHECK(((*dir.find("a"))->st_mode & 07777U) == 0640);
  CHECK(dir.list()->size() == 1);
}

TEST_CASE("a file below directories is written beside its place") {
  TemporaryDir temporary;
  const Dir& dir = temporary.dir();
  REQUIRE(dir.make_dir("x", 0700));
  REQUIRE(dir.make_dir("x/y", 0700));
  REQUIRE(dir.write_file("x/y/f", "text", Sync::yes));
  CHECK(*dir.read_file("x/y/f") == "text");
  CHECK(dir.exists("x/y/f"));
  CHECK(dir.open_dir("x/y")->list()->size() == 1);
}

TEST_CASE("names that lead out of a directory are refused by every call") {
  TemporaryDir temporary;
  const Dir& top = temporary.dir();
  REQUIRE(top.write_file("secret", "s", Sync::no));
  Dir dir = top.open_or_make_dir("below", 0700).value();
  REQUIRE(dir.make_symlink("..", "up"));
  REQUIRE(dir.make_symlink(temporary.path(), "absolute"));
  for (const std::string name : {"../secret", "up/secret", "absolute/secret"}) {
    CAPTURE(name);
    CHECK_FALSE(dir.read_file(name));
    CHECK_FALSE(dir.open_file(name, O_RDONLY));
    CHECK_FALSE(dir.write_file(name, "", Sync::no));
    CHECK_FALSE(dir.remove_file(name));
    CHECK_FALSE(dir.make_dir(name + "2", 0700));
    CHECK_FALSE(dir.make_symlink("x", name + "2"));
    CHECK_FALSE(dir.rename(name, dir, "stolen"));
    CHECK_FALSE(dir.exists(name));
    CHECK_FALSE(ctr::remove_tree(dir, name));
  }
  CHECK(*top.read_file("secret") == "s");
}

TEST_CASE("a name must have a last component without NUL") {
  TemporaryDir temporary;
  for (const std::string& name : {std::string(""), std::string("."), std::string(".."), std::string("a\0b", 3)}) {
    CAPTURE(name);
    CHECK(temporary.dir().make_dir(name, 0700).error().code() == Errc::invalid);
  }
}

TEST_CASE("a link in the last place is not followed") {
  TemporaryDir temporary;
  const Dir& dir = temporary.dir();
  REQUIRE(dir.write_file("target", "t", Sync::no));
  REQUIRE(dir.make_symlink("target", "link"));
  CHECK(dir.read_file("link").error().sys() == ELOOP);
  CHECK(*dir.read_symlink("link") == "target");
  CHECK(S_ISLNK((*dir.find("link"))->st_mode));
}

TEST_CASE("links of an image tree are resolved as if the tree were the root") {
  TemporaryDir temporary;
  const Dir& top = temporary.dir();
  REQUIRE(top.write_file("passwd", "outside", Sync::no));
  Dir root = top.open_or_make_dir("root", 0700).value();
  REQUIRE(root.make_dir("etc", 0700));
  REQUIRE(root.write_file("etc/real", "inside", Sync::no));
  REQUIRE(root.make_symlink("/etc/real", "absolute"));
  REQUIRE(root.make_symlink("../../passwd", "climbing"));
  CHECK(*ctr::read_all(root.open_in_root("absolute", O_RDONLY)->get(), 100, "absolute") == "inside");
  CHECK(root.open_in_root("climbing", O_RDONLY).error().sys() == ENOENT);
}

TEST_CASE("reading stops at its limit") {
  TemporaryDir temporary;
  REQUIRE(temporary.dir().write_file("big", std::string(100, 'x'), Sync::no));
  CHECK(temporary.dir().read_file("big", 100));
  CHECK(temporary.dir().read_file("big", 99).error().code() == Errc::invalid);
  CHECK(ctr::read_file(temporary.path() + "/big", 99).error().code() == Errc::invalid);
}

TEST_CASE("a directory or a pipe in the place of a file is refused without waiting") {
  TemporaryDir temporary;
  std::string pipe = temporary.path() + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(ctr::read_file(pipe).error().message() == "'" + pipe + "' is not a regular file");
  CHECK(ctr::read_file(temporary.path()).error().message() == "'" + temporary.path() + "' is a directory");
  CHECK_FALSE(ctr::read_file_if_exists(pipe));
  CHECK(temporary.dir().read_file("pipe")->empty());
  CHECK(ctr::read_file_if_exists(temporary.path() + "/none")->has_value() == false);
}

TEST_CASE("missing parents are made") {
  TemporaryDir temporary;
  auto dir = Dir::open_or_make(temporary.path() + "/a/b/c", 0700);
  REQUIRE(dir);
  CHECK(ctr::path_exists(temporary.path() + "/a/b/c"));
}

TEST_CASE("a file that exists is not overwritten by create_file") {
  TemporaryDir temporary;
  std::string path = temporary.path() + "/out";
  REQUIRE(ctr::create_file(path, "x"));
  CHECK(ctr::create_file(path, "y").error().code() == Errc::exists);
}

TEST_CASE("a rename can refuse to replace") {
  TemporaryDir temporary;
  const Dir& dir = temporary.dir();
  REQUIRE(dir.write_file("a", "", Sync::no));
  REQUIRE(dir.write_file("b", "", Sync::no));
  CHECK(dir.rename("a", dir, "b", RENAME_NOREPLACE).error().code() == Errc::exists);
  CHECK(dir.rename("a", dir, "b"));
}
