#include "runtime/mount_options.h"

#include <linux/mount.h>
#include <sys/mount.h>

#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

MountOptions parsed(const std::vector<std::string>& options) {
  auto out = parse_mount_options(options);
  REQUIRE(out);
  return *out;
}

}  // namespace

TEST_CASE("mount options become attributes, the last one wins, the rest is data") {
  const MountOptions options =
      parsed({"rbind", "ro", "nosuid", "rw", "noatime", "rslave", "size=64k", "rro", "mode=755"});
  CHECK(options.bind);
  CHECK(options.recursive);
  CHECK(options.set == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME));
  CHECK(options.clear == (MOUNT_ATTR_RDONLY | MOUNT_ATTR__ATIME));
  CHECK(options.set_recursive == MOUNT_ATTR_RDONLY);
  CHECK(options.propagations == std::vector<MountPropagation>{{.flag = MS_SLAVE, .recursive = true}});
  CHECK(options.data == std::vector<std::string>{"size=64k", "mode=755"});
}

TEST_CASE("strictatime sets a field whose other values are cleared first") {
  const MountOptions options = parsed({"noatime", "strictatime"});
  CHECK(options.set == MOUNT_ATTR_STRICTATIME);
  CHECK(options.clear == MOUNT_ATTR__ATIME);
}

TEST_CASE("every attribute has a form for the whole tree") {
  const std::vector<std::pair<std::string, uint64_t>> set = {
      {"rro", MOUNT_ATTR_RDONLY},
      {"rnosuid", MOUNT_ATTR_NOSUID},
      {"rnodev", MOUNT_ATTR_NODEV},
      {"rnoexec", MOUNT_ATTR_NOEXEC},
      {"rnoatime", MOUNT_ATTR_NOATIME},
      {"rnodiratime", MOUNT_ATTR_NODIRATIME},
      {"rstrictatime", MOUNT_ATTR_STRICTATIME},
      {"rnosymfollow", MOUNT_ATTR_NOSYMFOLLOW},
  };
  for (const auto& [name, attribute] : set) {
    CAPTURE(name);
    CHECK(parsed({name}).set_recursive == attribute);
    CHECK(parsed({name}).set == 0);
  }
  const std::vector<std::pair<std::string, uint64_t>> cleared = {
      {"rrw", MOUNT_ATTR_RDONLY},           {"rsuid", MOUNT_ATTR_NOSUID},
      {"rdev", MOUNT_ATTR_NODEV},           {"rexec", MOUNT_ATTR_NOEXEC},
      {"rdiratime", MOUNT_ATTR_NODIRATIME}, {"rsymfollow", MOUNT_ATTR_NOSYMFOLLOW},
      {"rrelatime", MOUNT_ATTR__ATIME},     {"ratime", MOUNT_ATTR__ATIME},
      {"rnorelatime", MOUNT_ATTR__ATIME},   {"rnostrictatime", MOUNT_ATTR__ATIME},
  };
  for (const auto& [name, attribute] : cleared) {
    CAPTURE(name);
    CHECK(parsed({name}).clear_recursive == attribute);
    CHECK(parsed({name}).set_recursive == 0);
  }
}

TEST_CASE("options of the superblock take each other back and reach the file system") {
  CHECK(parsed({"sync", "lazytime", "dirsync", "async"}).data ==
        std::vector<std::string>{"lazytime", "dirsync", "async"});
  CHECK(parsed({"defaults", "loud", "silent", "iversion", "noiversion"}).data.empty());
}

TEST_CASE("idmap and ridmap say how far a mapping reaches, and which") {
  CHECK(parsed({"idmap"}).id_mapping == MountOptions::IdMapping::top);
  CHECK(parsed({"ridmap"}).id_mapping == MountOptions::IdMapping::tree);
  CHECK(parsed({"idmap=uids=0-1-10;gids=0-1-10"}).id_ranges == "uids=0-1-10;gids=0-1-10");
  CHECK(parsed({"idmapped"}).data == std::vector<std::string>{"idmapped"});
}

TEST_CASE("every option of the specification is known, and every known one has a meaning") {
  for (const char* name :
       {"async",     "atime",        "bind",         "defaults",    "dev",           "diratime",     "dirsync",
        "exec",      "iversion",     "lazytime",     "loud",        "noatime",       "nodev",        "nodiratime",
        "noexec",    "noiversion",   "nolazytime",   "norelatime",  "nostrictatime", "nosuid",       "nosymfollow",
        "private",   "ratime",       "rbind",        "rdev",        "rdiratime",     "relatime",     "remount",
        "rexec",     "rnoatime",     "rnodev",       "rnodiratime", "rnoexec",       "rnorelatime",  "rnostrictatime",
        "rnosuid",   "rnosymfollow", "ro",           "rprivate",    "rrelatime",     "rro",          "rrw",
        "rshared",   "rslave",       "rstrictatime", "rsuid",       "rsymfollow",    "runbindable",  "rw",
        "shared",    "silent",       "slave",        "strictatime", "suid",          "symfollow",    "sync",
        "tmpcopyup", "unbindable",   "idmap",        "ridmap",      "copy-symlink",  "src-nofollow", "dest-nofollow"}) {
    const auto known = known_mount_options();
    CAPTURE(name);
    CHECK(std::find(known.begin(), known.end(), name) != known.end());
  }
  for (const std::string& name : known_mount_options()) {
    CAPTURE(name);
    const auto data = parsed({name}).data;
    const bool superblock = name.ends_with("sync") || name.ends_with("lazytime");
    CHECK(data.empty() != superblock);
  }
}
