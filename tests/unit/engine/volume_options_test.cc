#include "engine/volume_options.h"

#include "engine/filters.h"
#include "tests/catch.h"

namespace ctr::engine {

namespace {

Result<storage::VolumeRecord> plan(std::map<std::string, std::string> options) {
  VolumeOptions wanted;
  wanted.options = std::move(options);
  return plan_volume(wanted, "data", from_unix_seconds(1));
}

}  // namespace

TEST_CASE("owner and limits of a volume have fields of their own and stay with the mount's options") {
  const auto planned = plan({{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", "size=2m,uid=7,noexec,noquota"}});
  REQUIRE_FALSE(planned);  // a limit without quota
  const auto good = plan({{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", "size=2m,uid=7,gid=8,noexec"}});
  REQUIRE(good);
  CHECK(good->uid == 7);
  CHECK(good->gid == 8);
  CHECK_FALSE(good->needs_chown);
  CHECK(good->needs_copy_up);
  CHECK(good->options == std::map<std::string, std::string>{{"type", "tmpfs"},
                                                            {"device", "tmpfs"},
                                                            {"o", "size=2m,uid=7,gid=8,noexec"},
                                                            {"SIZE", "2m"},
                                                            {"UID", "7"},
                                                            {"GID", "8"}});
  CHECK(is_mounted_volume(*good));
  CHECK(file_system_of(*good)->options == std::vector<std::string>{"size=2m", "uid=7", "gid=8", "noexec"});
}

TEST_CASE("a volume without type and device is a directory") {
  const auto planned = plan({{"o", "uid=7"}, {"nocopy", ""}});
  REQUIRE(planned);
  CHECK_FALSE(is_mounted_volume(*planned));
  CHECK_FALSE(planned->needs_copy_up);
  CHECK(plan({{"o", "noexec"}}).error().code() == Errc::invalid);
}

TEST_CASE("options of a volume that cannot be are refused in podman's words") {
  CHECK(plan({{"nosuch", "1"}}).error().message() ==
        "invalid mount option nosuch for driver 'local': invalid argument");
  CHECK(plan({{"o", "size=1g"}}).error().message() ==
        "volume options size and inodes not supported. Filesystem does not support Project Quota");
  CHECK(plan({{"type", "tmpfs"}, {"o", "inodes=5"}}).error().message() ==
        "volume option inodes not supported on tmpfs filesystem");
  CHECK(plan({{"type", "bind"}, {"device", "/nonexistent"}}).error().code() == Errc::invalid);
  for (const char* words : {"uid", "uid=x", "uid=4294967295", "gid=-1", "size=big", "inodes=x"}) {
    CHECK(plan({{"type", "tmpfs"}, {"o", words}}).error().code() == Errc::invalid);
  }
  VolumeOptions other;
  other.driver = "convoy";
  CHECK(plan_volume(other, "data", {}).error().code() == Errc::unsupported);
  CHECK(file_system_of(*plan({{"type", "nfs"}})).error().code() == Errc::invalid);
}

TEST_CASE("filters of volumes") {
  VolumeInfo info;
  info.name = "data";
  info.driver = "local";
  info.labels = {{"k", "v"}};
  info.options = {{"type", "tmpfs"}};
  info.created = from_unix_seconds(100);
  info.users = {"c"};
  FilterContext context;
  context.now = from_unix_seconds(200);
  context.created_of = [](const std::string&) -> Result<TimePoint> { return from_unix_seconds(50); };
  const auto holds = [&](std::vector<ContainerFilter> filters) { return *volume_matches(info, filters, context); };
  CHECK(holds({{"name", "^da"}, {"label", "k=v"}, {"driver", "local"}, {"scope", "local"}}));
  CHECK(holds({{"name", "x"}, {"name", "data"}}));
  CHECK_FALSE(holds({{"label", "k"}, {"label", "other"}}));
  CHECK(holds({{"label!", "other"}, {"opt", "type=tmpfs"}, {"opt", "nosuch"}}));
  CHECK(holds({{"dangling", "False"}, {"anonymous", "0"}, {"since", "x"}, {"until", "150"}}));
  CHECK_FALSE(holds({{"until", "100"}}));
  CHECK(volume_matches(info, {{"dangling", "yes"}}, context).error().message() ==
        "\"yes\" is not a valid value for the \"dangling\" filter - must be true or false");
  CHECK(volume_matches(info, {{"id", "x"}}, context).error().message() == "\"id\" is an invalid volume filter");
}

TEST_CASE("a volume that begins with an image names it, and nothing else") {
  VolumeOptions wanted;
  wanted.driver = "image";
  wanted.options = {{"image", "busybox"}};
  const auto planned = plan_volume(wanted, "data", from_unix_seconds(1));
  REQUIRE(planned);
  CHECK(planned->driver == "image");
  CHECK_FALSE(is_mounted_volume(*planned));
  CHECK_FALSE(planned->needs_copy_up);
  CHECK_FALSE(planned->needs_chown);
  wanted.options["type"] = "tmpfs";
  CHECK_FALSE(plan_volume(wanted, "data", from_unix_seconds(1)));
  wanted.options.clear();
  CHECK_FALSE(plan_volume(wanted, "data", from_unix_seconds(1)));
  wanted.options = {{"image", "busybox"}};
  wanted.uid = 3;
  CHECK_FALSE(plan_volume(wanted, "data", from_unix_seconds(1)));
}

TEST_CASE("the files of a volume are in the store, or where it binds them from") {
  const auto directory = [](std::map<std::string, std::string> options) {
    return volume_directory(*plan(std::move(options)), "/store/data");
  };
  CHECK(*directory({}) == "/store/data");
  CHECK(*directory({{"type", "none"}, {"device", "/tmp"}, {"o", "bind"}}) == "/tmp");
  CHECK(*directory({{"type", "bind"}, {"device", "/tmp"}}) == "/tmp");
  CHECK(directory({{"type", "tmpfs"}, {"device", "tmpfs"}}).error().code() == Errc::unsupported);
}

}  // namespace ctr::engine
