// Container directories, names and locks.
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/storage/support.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

namespace {

struct Fixture {
  TempDir temp;
  Store store = must(Store::open(paths_below(temp.path())));
  ContainerDirs containers = store.containers();

  ContainerId make(const std::string& name) {
    auto id = ContainerId::make_random();
    must(must(containers.begin(id, name)).commit());
    return id;
  }
};

}  // namespace

TEST_CASE("a container is found by name, id and unique prefix") {
  Fixture f;
  auto web = f.make("web");
  auto db = f.make("db");
  CHECK(must(f.containers.list()).size() == 2);
  for (const auto& word : {std::string("web"), web.text(), web.short_text()}) {
    auto found = must(f.containers.resolve(word));
    CHECK(found.id == web);
    CHECK(found.name == "web");
  }
  CHECK(f.containers.resolve("none").error().code() == Errc::not_found);
  CHECK(f.containers.resolve("").error().code() == Errc::not_found);
  CHECK(f.containers.resolve("../web").error().code() == Errc::not_found);
  (void)db;
}

TEST_CASE("a name wins over the beginning of an id") {
  Fixture f;
  auto first = f.make("first");
  auto second = f.make(first.short_text());
  CHECK(must(f.containers.resolve(first.short_text())).id == second);
}

TEST_CASE("a name is taken once") {
  Fixture f;
  auto id = f.make("web");
  auto again = f.containers.begin(ContainerId::make_random(), "web");
  REQUIRE_FALSE(again);
  CHECK(again.error().code() == Errc::exists);
  CHECK(again.error().text().find(id.text()) != std::string::npos);
  CHECK(must(must(f.store.dir().open_dir("containers/.staging")).list()).empty());
}

TEST_CASE("pods have names of their own, and no place to write to") {
  Fixture f;
  f.make("web");
  const auto pods = f.store.pods();
  const auto id = ContainerId::make_random();
  must(must(pods.begin(id, "web")).commit());
  CHECK(must(pods.resolve("web")).id == id);
  CHECK(must(f.containers.resolve("web")).id != id);
  CHECK(pods.begin(ContainerId::make_random(), "web").error().text().find("the pod name 'web'") != std::string::npos);
  const auto dir = must(pods.open(id));
  CHECK(dir.exists("alive"));
  CHECK_FALSE(dir.exists("rw"));
  must(pods.remove(id));
  CHECK(pods.resolve("web").error().text() == "no pod with name or id 'web'");
  CHECK(must(f.containers.list()).size() == 1);
}

TEST_CASE("a creation in progress holds its name, a dead one does not") {
  Fixture f;
  {
    auto staging = must(f.containers.begin(ContainerId::make_random(), "web"));
    CHECK(f.containers.begin(ContainerId::make_random(), "web").error().code() == Errc::exists);
    CHECK(must(f.containers.list()).empty());
  }
  // What kill -9 leaves: a link, and perhaps a staging directory that nobody holds.
  auto dead = ContainerId::make_random();
  must(must(f.store.dir().open_dir("names")).make_symlink("../containers/" + dead.text(), "web"));
  must(must(f.store.dir().open_dir("containers/.staging")).make_dir(dead.text(), 0700));
  auto id = f.make("web");
  CHECK(must(f.containers.resolve("web")).id == id);
}

TEST_CASE("a creation clears away the name of one that died") {
  Fixture f;
  (void)f.make("web");
  auto names = must(f.store.dir().open_dir("names"));
  auto dead = ContainerId::make_random();
  must(names.make_symlink("../containers/" + dead.text(), "boring_name"));
  must(must(f.store.dir().open_dir("containers/.staging")).make_dir(dead.text(), 0700));
  (void)f.make("db");
  CHECK_FALSE(names.exists("boring_name"));
  CHECK(must(names.list()).size() == 2);
}

TEST_CASE("renaming moves the name at once") {
  Fixture f;
  auto web = f.make("web");
  (void)f.make("db");
  must(f.containers.rename(web, "www"));
  CHECK(must(f.containers.resolve("www")).id == web);
  CHECK_FALSE(f.containers.resolve("web"));
  CHECK(f.containers.rename(web, "db").error().code() == Errc::exists);
  CHECK(f.containers.rename(web, "a/b").error().code() == Errc::invalid);
  must(f.containers.rename(web, "www"));
}

TEST_CASE("removing takes directory and name, and twice is fine") {
  Fixture f;
  auto web = f.make("web");
  must(f.containers.remove(web));
  must(f.containers.remove(web));
  CHECK(must(f.containers.list()).empty());
  CHECK_FALSE(f.containers.resolve("web"));
  CHECK_FALSE(must(f.store.trash().is_empty()));
  CHECK(f.containers.lock(web, LockMode::exclusive).error().code() == Errc::not_found);
  (void)f.make("web");
}

TEST_CASE("running is a held lock") {
  Fixture f;
  auto web = f.make("web");
  CHECK_FALSE(must(f.containers.is_running(web)));
  {
    auto alive = must(f.containers.try_hold_alive(web));
    REQUIRE(alive);
    CHECK(must(f.containers.is_running(web)));
    CHECK_FALSE(must(f.containers.try_hold_alive(web)));
  }
  CHECK_FALSE(must(f.containers.is_running(web)));
}

TEST_CASE("state is kept and replaced") {
  Fixture f;
  auto web = f.make("web");
  CHECK_FALSE(must(f.containers.read_state(web)));
  must(f.containers.write_state(web, Json::object().set("a", 1)));
  must(f.containers.write_state(web, Json::object().set("a", 2)));
  CHECK(must(f.containers.read_state(web))->find("a")->as_int() == 2);
}

TEST_CASE("the locks of two containers do not meet") {
  Fixture f;
  auto web = f.make("web");
  auto db = f.make("db");
  auto held = must(f.containers.lock(web, LockMode::exclusive));
  CHECK_FALSE(must(f.containers.try_lock(web, LockMode::shared)));
  CHECK(must(f.containers.try_lock(db, LockMode::exclusive)));
}

TEST_CASE("names follow the grammar") {
  for (const char* good : {"a", "web-1", "A.b_c", "0"}) CHECK(check_name(good, "container name"));
  for (const std::string& bad :
       {std::string(), std::string("-a"), std::string("."), std::string(".."), std::string("a/b"), std::string("a b"),
        std::string("a\0b", 3), std::string(254, 'a'), std::string("\xc3\xa9")}) {
    CHECK(check_name(bad, "container name").error().code() == Errc::invalid);
  }
  CHECK_FALSE(ContainerId::parse("abc"));
  CHECK_FALSE(ContainerId::parse(std::string(64, 'G')));
}
