// The table of running containers.
#include "storage/running.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "tests/unit/storage/support.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

namespace {

struct Fixture {
  TempDir temp;
  Dir store = must(Dir::open(temp.path()));

  std::map<std::string, std::string> rows() const {
    std::map<std::string, std::string> out;
    must(list_running(store, [&](std::string_view id, std::string_view text) { out[std::string(id)] = text; }));
    return out;
  }
  RunningRow publish(const ContainerId& id, std::string_view text) const {
    return must(publish_running(store, id, text));
  }
  size_t size_bytes(const char* name = "running") const {
    const auto found = must(store.find(name));
    REQUIRE(found);
    return static_cast<size_t>(found->st_size);
  }
  // Overwrites a byte of the file.
  void damage(off_t offset) const {
    const Fd file = must(store.open_file("running", O_WRONLY));
    REQUIRE(::pwrite(file.get(), "!", 1, offset) == 1);
  }
};

}  // namespace

TEST_CASE("a row is there as long as its holder") {
  Fixture f;
  CHECK(f.rows().empty());
  const auto web = ContainerId::make_random();
  const auto db = ContainerId::make_random();
  {
    const auto web_row = f.publish(web, "web");
    const auto db_row = f.publish(db, "db");
    CHECK(f.rows() == std::map<std::string, std::string>{{web.text(), "web"}, {db.text(), "db"}});
  }
  CHECK(f.rows().empty());
}

TEST_CASE("the row of a process that was killed does not count") {
  Fixture f;
  const auto id = ContainerId::make_random();
  std::array<int, 2> ready{};
  REQUIRE(::pipe(ready.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto row = publish_running(f.store, id, "text");
    (void)!::write(ready[1], row ? "y" : "n", 1);
    ::pause();
  }
  char answer = 0;
  REQUIRE(::read(ready[0], &answer, 1) == 1);
  CHECK(answer == 'y');
  CHECK(f.rows().size() == 1);
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(f.rows().empty());
  // What it left is used again, and says nothing of the dead.
  const auto next = ContainerId::make_random();
  const auto row = f.publish(next, "next");
  CHECK(f.rows() == std::map<std::string, std::string>{{next.text(), "next"}});
  for (const int fd : ready) ::close(fd);
}

TEST_CASE("a row that was not written whole does not count") {
  Fixture f;
  const auto row = f.publish(ContainerId::make_random(), "some text of a row");
  CHECK(f.rows().size() == 1);
  SECTION("its id") { f.damage(3); }
  SECTION("its checksum") { f.damage(70); }
  SECTION("its length") { f.damage(83); }
  SECTION("its text") { f.damage(90); }
  CHECK(f.rows().empty());
}

TEST_CASE("many rows share one file, which shrinks with them") {
  Fixture f;
  constexpr size_t k_count = 60;
  {
    std::vector<RunningRow> rows;
    for (size_t i = 0; i < k_count; ++i) rows.push_back(f.publish(ContainerId::make_random(), std::to_string(i)));
    CHECK(f.rows().size() == k_count);
    CHECK(f.size_bytes() > k_count / 2 * 512);
    CHECK(f.size_bytes() <= (k_count + 4) * 512);
  }
  CHECK(f.size_bytes() == 0);
}

TEST_CASE("a row can be forgotten while its holder lives") {
  Fixture f;
  const auto id = ContainerId::make_random();
  const auto row = f.publish(id, "web");
  const auto other = f.publish(ContainerId::make_random(), "db");
  must(forget_running(f.store, id));
  CHECK(f.rows().size() == 1);
  CHECK_FALSE(f.rows().contains(id.text()));
}

TEST_CASE("a container that gets another name loses its row") {
  Fixture f;
  const auto store = must(Store::open(paths_below(f.temp.path() + "/s")));
  const auto containers = store.containers();
  const auto id = ContainerId::make_random();
  must(must(containers.begin(id, "web")).commit());
  const auto row = must(publish_running(store.dir(), id, "web"));
  must(containers.rename(id, "db"));
  size_t count = 0;
  must(list_running(store.dir(), [&](auto, auto) { ++count; }));
  CHECK(count == 0);
}

TEST_CASE("the text of a row has a limit") {
  Fixture f;
  const auto id = ContainerId::make_random();
  const std::string longest(k_longest_running_row_bytes, 'x');
  const auto row = f.publish(id, longest);
  CHECK(f.rows().at(id.text()) == longest);
  CHECK(f.size_bytes("running.long") > longest.size());
  CHECK(publish_running(f.store, id, longest + "x").error().code() == Errc::invalid);
}

TEST_CASE("long rows and short ones are listed, forgotten and given up alike") {
  Fixture f;
  std::map<std::string, std::string> expected;
  {
    std::vector<RunningRow> rows;
    // Around the length at which a row takes a long slot.
    for (size_t length = 385; length < 465; ++length) {
      const auto id = ContainerId::make_random();
      rows.push_back(f.publish(id, std::string(length, 'x')));
      expected[id.text()] = std::string(length, 'x');
    }
    CHECK(f.rows() == expected);
    CHECK(f.size_bytes() > 0);
    CHECK(f.size_bytes("running.long") > 0);
    for (int i = 0; i < 40; ++i) {
      must(forget_running(f.store, must(ContainerId::parse(expected.begin()->first))));
      expected.erase(expected.begin());
    }
    CHECK(f.rows() == expected);
  }
  CHECK(f.rows().empty());
  CHECK(f.size_bytes() == 0);
  CHECK(f.size_bytes("running.long") == 0);
}
