#include "engine/clone.h"

#include "tests/catch.h"

namespace ctr::engine {

namespace {

MountRecord volume(std::string name, std::string destination) {
  MountRecord record;
  record.type = "volume";
  record.name = std::move(name);
  record.destination = std::move(destination);
  return record;
}

}  // namespace

TEST_CASE("a clone shares the volumes of its model, also those without a name and those of the image") {
  ContainerRecord model;
  model.spec.name = "model";
  model.spec.cid_file = "/run/c";
  model.spec.pid_file = "/run/p";
  model.spec.monitor_pid_file = "/run/m";
  model.spec.volumes_from = {"gone"};
  model.spec.mounts = {{MountSpec::Type::volume, "", "/data/", {"ro"}, ""},
                       {MountSpec::Type::tmpfs, "", "/t", {}, ""},
                       {MountSpec::Type::volume, "named", "/n", {}, ""}};
  model.mounts = {volume("a1", "/data"), volume("named", "/n"), volume("a2", "/image")};
  const auto clone = spec_of_clone(model);
  CHECK(clone.name.empty());
  CHECK(clone.cid_file.empty());
  CHECK(clone.pid_file.empty());
  CHECK(clone.monitor_pid_file.empty());
  CHECK(clone.volumes_from.empty());
  REQUIRE(clone.mounts.size() == 4);
  CHECK(clone.mounts[0] == MountSpec{MountSpec::Type::volume, "a1", "/data/", {"ro"}, ""});
  CHECK(clone.mounts[1] == model.spec.mounts[1]);
  CHECK(clone.mounts[2] == model.spec.mounts[2]);
  CHECK(clone.mounts[3].source == "a2");
}

}  // namespace ctr::engine
