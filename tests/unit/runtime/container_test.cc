// Containers of the OCI runtime command line: their directories and records. What runs is tested by
// tests/cli/runtime.bats.
#include <sys/stat.h>

#include "runtime/container/record.h"
#include "runtime/container/state_root.h"
#include "runtime/container/status.h"
#include "tests/catch.h"
#include "tests/unit/runtime/scratch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

ContainerRecord full_record() {
  ContainerRecord record;
  record.id = "c1";
  record.oci_version = "1.2.0";
  record.bundle = "/b";
  record.rootfs = "/b/rootfs";
  record.created = TimePoint(std::chrono::nanoseconds(1'795'449'744'663'786'201));
  record.uid = 1000;
  record.annotations = {{"a", "b"}};
  record.boot_id = "boot";
  record.init = ProcessRef{.pid = 11, .start_ticks = 21};
  record.ready = true;
  record.cgroup_path = "/user.slice/ctr-1";
  record.later = {.first = 7,
                  .command = "sh",
                  .steps = {{.kind = ChildOpKind::load_filter, .words = "load the seccomp filter"},
                            {.kind = ChildOpKind::execute, .words = "execute 'sh'"}}};
  return record;
}

StateRoot open_root(const Scratch& scratch) { return StateRoot::open_or_make(scratch.path() + "/root").value(); }

}  // namespace

TEST_CASE("a container's record comes back as it was written") {
  Scratch scratch;
  REQUIRE(write_record(scratch.dir(), full_record()));
  CHECK(read_record(scratch.dir()).value() == full_record());
}

TEST_CASE("a record of a later version is refused with both numbers") {
  Json value = to_json(full_record());
  value.set("schema", 2);
  const auto record = container_record_from_json(JsonReader(value, "state.json"));
  REQUIRE_FALSE(record);
  CHECK(record.error().text() == "state.json has schema 2; this ctr knows 1");
}

TEST_CASE("container ids are letters, digits and _ + - . and no path") {
  for (const char* id : {"a", "A-b_c+d.e", "-x", "0", "a..b"}) CHECK(check_container_id(id));
  for (const char* id : {"", ".", "..", ".a", "a/b", "../a", "a b", "a\n", "\xc3\xa4"})
    CHECK_FALSE(check_container_id(id));
  CHECK(check_container_id(std::string(200, 'a')));
  CHECK_FALSE(check_container_id(std::string(201, 'a')));
}

TEST_CASE("an id is given once, and again when its container is removed") {
  Scratch scratch;
  const StateRoot root = open_root(scratch);
  auto container = root.reserve("c");
  REQUIRE(container);
  const auto again = root.reserve("c");
  REQUIRE_FALSE(again);
  CHECK(again.error().text() == "container 'c' already exists");
  REQUIRE(write_record(container->dir, full_record()));
  REQUIRE(root.remove(std::move(container).value()));
  CHECK(root.list().value().empty());
  CHECK(root.reserve("c"));
}

TEST_CASE("what a killed command left without a record is taken over") {
  Scratch scratch;
  const StateRoot root = open_root(scratch);
  {
    const auto container = root.reserve("c");
  }
  const auto locked = root.lock("c");
  REQUIRE(locked);
  CHECK(locked->record == [] {
    ContainerRecord empty;
    empty.id = "c";
    return empty;
  }());
  CHECK_FALSE(root.reserve("c"));
}

TEST_CASE("a container that is being made is not taken over") {
  Scratch scratch;
  const StateRoot root = open_root(scratch);
  auto container = root.reserve("c");
  REQUIRE(container);
  ContainerRecord record = container->record;
  record.boot_id = read_boot_id().value();
  CHECK(view_container(container->dir, record)->status == ContainerStatus::creating);
}

TEST_CASE("a container whose first process is gone has stopped") {
  Scratch scratch;
  ContainerRecord record = full_record();
  record.boot_id = read_boot_id().value();
  const auto view = view_container(scratch.dir(), record);
  REQUIRE(view);
  CHECK(view->status == ContainerStatus::stopped);
  CHECK_FALSE(view->init.valid());
  const Json state = state_json(record, view->status);
  CHECK(state.find("pid")->as_int() == 0);
  CHECK(state.find("status")->as_string() == "stopped");
}

TEST_CASE("names in the state directory that are no ids are left alone") {
  Scratch scratch;
  const StateRoot root = open_root(scratch);
  REQUIRE(scratch.dir().open_dir("root")->make_dir(".gone-1", 0700));
  CHECK(root.list().value().empty());
  CHECK_FALSE(root.find(".gone-1"));
  CHECK_FALSE(root.find("../root"));
}
