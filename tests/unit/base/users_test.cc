#include "base/users.h"

#include <sys/stat.h>

#include <string>

#include "tests/catch.h"
#include "tests/temporary_dir.h"

using ctr::Sync;
using ctr::test::TemporaryDir;

TEST_CASE("accounts with malformed ids are left out, never read as root") {
  auto entries = ctr::parse_passwd(
      "root:x:0:0:root:/root:/bin/sh\n"
      "bad:x::0:::\n"
      "bad:x:1x:0:::\n"
      "bad:x:-1:0:::\n"
      "bad:x:4294967295:0:::\n"
      "bad:x:4294967296:0:::\n"
      ":x:5:5:::\n"
      "# comment:x:6:6:::\n"
      "short:x:7:8\n"
      "last:x:1000:1001:Name,,,:/home/last:/bin/bash");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0] ==
        ctr::PasswdEntry{.name = "root", .uid = 0, .gid = 0, .gecos = "root", .home = "/root", .shell = "/bin/sh"});
  CHECK(entries[1].name == "short");
  CHECK(entries[1].home.empty());
  CHECK(entries[2].gid == 1001);
}

TEST_CASE("groups list their members") {
  auto groups =
      ctr::parse_group("wheel:x:10:a,b\nempty:*:11:\nnone:x:12\nbad:x:z:a\n" + std::string(5000, 'g') + ":x:1:a\n");
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].members == std::vector<std::string>{"a", "b"});
  CHECK(groups[1].members.empty());
  CHECK(groups[2].gid == 12);
}

TEST_CASE("subordinate ranges are found by name and by number") {
  auto ranges = ctr::parse_subids(
      "alice:100000:65536\nbob:200000:65536\n1000:300000:10\nalice:4294967290:10\nalice:1:0\nalice:x:5\n", "alice",
      1000);
  REQUIRE(ranges.size() == 2);
  CHECK(ranges[0] == ctr::SubidRange{.first = 100000, .count = 65536});
  CHECK(ranges[1] == ctr::SubidRange{.first = 300000, .count = 10});
}

TEST_CASE("an account file of an image is read inside the image") {
  TemporaryDir temporary;
  const ctr::Dir& root = temporary.dir();
  CHECK_FALSE(ctr::read_account_file(root, "etc/passwd")->has_value());
  REQUIRE(root.make_dir("etc", 0755));
  REQUIRE(root.write_file("real", "text", Sync::no));
  REQUIRE(root.make_symlink("/real", "etc/passwd"));
  CHECK(ctr::read_account_file(root, "etc/passwd")->value() == "text");
  REQUIRE(root.make_symlink("/etc/shadow", "etc/group"));
  CHECK_FALSE(ctr::read_account_file(root, "etc/group")->has_value());
}

TEST_CASE("an account file that is no file, or too large, is an error") {
  TemporaryDir temporary;
  REQUIRE(temporary.dir().make_dir("etc", 0755));
  REQUIRE(::mkfifo((temporary.path() + "/etc/passwd").c_str(), 0600) == 0);
  CHECK_FALSE(ctr::read_account_file(temporary.dir(), "etc/passwd"));
  REQUIRE(temporary.dir().write_file("etc/group", std::string((1 << 20) + 1, 'x'), Sync::no));
  CHECK_FALSE(ctr::read_account_file(temporary.dir(), "etc/group"));
}

TEST_CASE("the host knows uid 0") { CHECK(ctr::find_host_user(0)->value().home == "/root"); }
