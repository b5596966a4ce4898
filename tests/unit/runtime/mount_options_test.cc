#include "runtime/mount_options.h"

#include <linux/mount.h>
#include <sys/mount.h>

#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;

TEST_CASE("mount options become attributes, the last one wins, the rest is data") {
  const auto options =
      parse_mount_options({"rbind", "ro", "nosuid", "rw", "noatime", "rslave", "size=64k", "rro", "mode=755"});
  REQUIRE(options);
  CHECK(options->bind);
  CHECK(options->recursive);
  CHECK(options->set == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME));
  CHECK(options->clear == (MOUNT_ATTR_RDONLY | MOUNT_ATTR__ATIME));
  CHECK(options->set_recursive == MOUNT_ATTR_RDONLY);
  CHECK(options->propagation == MS_SLAVE);
  CHECK(options->propagation_recursive);
  CHECK(options->data == std::vector<std::string>{"size=64k", "mode=755"});
}

TEST_CASE("strictatime sets a field whose other values are cleared first") {
  const auto options = parse_mount_options({"noatime", "strictatime"});
  REQUIRE(options);
  CHECK(options->set == MOUNT_ATTR_STRICTATIME);
  CHECK(options->clear == MOUNT_ATTR__ATIME);
}

TEST_CASE("idmapped mounts are refused by name") {
  const auto options = parse_mount_options({"bind", "idmap"});
  REQUIRE_FALSE(options);
  CHECK(options.error().code() == Errc::unsupported);
}
