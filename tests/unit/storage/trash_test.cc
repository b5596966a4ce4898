// Deleting trees, and reading stacks of layers.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "storage/merged_view.h"
#include "tests/unit/storage/support.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

TEST_CASE("trees of any depth, and directories without permissions, are reclaimed") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  must(temp.dir().make_dir("tree", 0755));
  {
    Dir at = must(temp.dir().open_dir("tree"));
    for (int depth = 0; depth < 1200; ++depth) {  // more levels than a process may have descriptors
      must(at.make_dir("d", 0755));
      if (depth % 100 == 0) must(at.write_file("f", "x", Sync::no));
      at = must(at.open_dir("d"));
    }
    must(at.make_dir("closed", 0755));
    must(at.write_file("closed/f", "x", Sync::no));
  }
  must(temp.dir().make_dir("tree/shut", 0755));
  must(must(temp.dir().open_dir("tree/shut")).write_file("f", "x", Sync::no));
  must(temp.dir().make_dir("tree/shut/sub", 0755));
  must(must(temp.dir().open_dir("tree/shut/sub")).write_file("f", "x", Sync::no));
  REQUIRE(::chmod((temp.path() + "/tree/shut/sub").c_str(), 0) == 0);
  REQUIRE(::chmod((temp.path() + "/tree/shut").c_str(), 0) == 0);
  must(store.trash().discard(temp.dir(), "tree"));
  must(store.trash().discard(temp.dir(), "missing"));
  CHECK_FALSE(temp.dir().exists("tree"));
  auto done = must(store.trash().reclaim());
  CHECK(done.entries == 1);
  CHECK(done.files > 1200);
  CHECK(done.needs_id_map == 0);
  CHECK(must(store.trash().is_empty()));
}

TEST_CASE("reclaiming stops at its limit and goes on later") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  must(temp.dir().make_dir("tree", 0755));
  Dir tree = must(temp.dir().open_dir("tree"));
  for (int i = 0; i < 50; ++i) must(tree.write_file("f" + std::to_string(i), "", Sync::no));
  must(store.trash().discard(temp.dir(), "tree"));
  auto first = must(store.trash().reclaim({.files = 20}));
  CHECK(first.files == 20);
  CHECK(first.left == 1);
  auto second = must(store.trash().reclaim());
  CHECK(second.entries == 1);
}

namespace {

struct Stack {
  TempDir temp;
  Dir upper, middle, base;
  Stack() {
    for (const char* name : {"upper", "middle", "base"}) must(temp.dir().make_dir(name, 0755));
    upper = must(temp.dir().open_dir("upper"));
    middle = must(temp.dir().open_dir("middle"));
    base = must(temp.dir().open_dir("base"));
  }
  static void put(const Dir& layer, const std::string& path, const std::string& content) {
    for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      if (!layer.exists(path.substr(0, slash))) must(layer.make_dir(path.substr(0, slash), 0755));
    }
    Fd file = must(layer.open_file(path, O_WRONLY | O_CREAT, 0644));
    must(write_all(file.get(), content, path));
  }
  static void whiteout(const Dir& layer, const std::string& path) {
    REQUIRE(::mknodat(layer.fd(), path.c_str(), S_IFCHR, makedev(0, 0)) == 0);
  }
  static void opaque(const Dir& layer, const std::string& path) {
    Dir dir = must(layer.open_dir(path));
    REQUIRE(::fsetxattr(dir.fd(), "user.overlay.opaque", "y", 1, 0) == 0);
  }
  MergedView view() const {
    return must(MergedView::open({temp.path() + "/upper", temp.path() + "/middle", temp.path() + "/base"}));
  }
  std::optional<std::string> read(const std::string& path) const { return must(view().read_file(path, 1000)); }
};

}  // namespace

TEST_CASE("a part of a merged view is made of the directories that are not hidden") {
  Stack s;
  Stack::put(s.base, "etc/ssl/a", "base");
  Stack::put(s.middle, "etc/ssl/b", "middle");
  Stack::put(s.upper, "etc/ssl/c", "upper");
  must(s.base.make_symlink("/etc/ssl", "keys"));
  const auto below = [&](const std::string& layer, const std::string& path) {
    return s.temp.path() + "/" + layer + path;
  };
  using Paths = std::vector<std::string>;
  const Paths all = {below("upper", "/etc/ssl"), below("middle", "/etc/ssl"), below("base", "/etc/ssl")};
  CHECK(must(s.view().directories("etc/ssl")) == all);
  CHECK(must(s.view().directories("/keys")) == all);
  CHECK(must(s.view().directories("/keys/../../..")) ==
        Paths{below("upper", ""), below("middle", ""), below("base", "")});
  Stack::opaque(s.middle, "etc/ssl");
  CHECK(must(s.view().directories("etc/ssl")) == Paths{all[0], all[1]});
  CHECK(s.view().directories("etc/none").error().code() == Errc::not_found);
  CHECK(s.view().directories("etc/ssl/a/x").error().code() == Errc::not_found);
  CHECK(s.view().directories("etc/ssl/b").error().code() == Errc::invalid);
}

TEST_CASE("a merged view shows the top file, and hides what is whited out or below an opaque directory") {
  Stack s;
  Stack::put(s.base, "etc/passwd", "base");
  Stack::put(s.base, "etc/group", "base");
  Stack::put(s.base, "var/lib/x", "base");
  Stack::put(s.middle, "etc/passwd", "middle");
  Stack::put(s.middle, "var/y", "middle");
  CHECK(s.read("etc/passwd") == "middle");
  CHECK(s.read("/etc//./group") == "base");
  CHECK(s.read("etc/none") == std::nullopt);
  must(s.upper.make_dir("etc", 0755));
  Stack::whiteout(s.upper, "etc/passwd");
  CHECK(s.read("etc/passwd") == std::nullopt);
  Stack::opaque(s.middle, "var");
  CHECK(s.read("var/lib/x") == std::nullopt);
  CHECK(s.read("var/y") == "middle");
  Stack::put(s.upper, "var", "file");
  CHECK(s.read("var/y") == std::nullopt);
  CHECK(s.read("var") == "file");
}

TEST_CASE("links of a merged view lead across layers and never out") {
  Stack s;
  Stack::put(s.base, "usr/lib/os-release", "base");
  must(s.base.make_dir("etc", 0755));
  must(must(s.base.open_dir("etc")).make_symlink("../usr/lib/os-release", "os-release"));
  must(s.middle.make_symlink("/usr", "alias"));
  Stack::put(s.upper, "usr/lib/os-release", "upper");
  CHECK(s.read("etc/os-release") == "upper");
  CHECK(s.read("alias/lib/os-release") == "upper");
  CHECK(s.read("../../usr/lib/os-release") == "upper");
  must(s.upper.make_symlink("../../../../../../../../etc/hostname", "out"));
  CHECK(s.read("out") == std::nullopt);
  must(s.upper.make_symlink("loop", "loop"));
  CHECK_FALSE(s.view().read_file("loop", 10));
  CHECK(must(s.view().type("alias")) == MergedView::Type::directory);
}

TEST_CASE("only regular files of bounded size are read") {
  Stack s;
  Stack::put(s.base, "big", std::string(100, 'x'));
  CHECK(s.view().read_file("big", 10).error().code() == Errc::invalid);
  REQUIRE(::mkfifoat(s.base.fd(), "fifo", 0644) == 0);
  CHECK(s.view().read_file("fifo", 10).error().code() == Errc::invalid);
  must(s.base.make_dir("dir", 0755));
  CHECK(s.view().read_file("dir", 10).error().code() == Errc::invalid);
}
