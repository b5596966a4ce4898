#include "engine/identity.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/timezone.h"
#include "tests/catch.h"
#include "tests/temporary_dir.h"

namespace ctr::engine {

namespace {

const Accounts k_image = {
    "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\nuser:x:1000:1000::/home:/bin/sh\n",
    "root:x:0:\ndaemon:x:1:\nwheel:x:10:user\nuser:x:1000:\n"};

Caller jo() {
  return {{.name = "jo", .uid = 1001, .gid = 1001, .gecos = "Jo", .home = "/home/jo", .shell = "/bin/zsh"},
          {.name = "folk", .gid = 1001, .members = {}}};
}

struct Question {
  std::string user;
  std::string working_dir = "/";
  std::optional<Caller> caller = {};
  std::vector<runtime::SpecMount> mounts = {};
  UsernsChoice userns = {};
};

Result<Identity> ask(const Question& question, const Accounts& accounts = k_image) {
  const IdentityInput input = {question.user,  {}, question.working_dir, question.userns, question.caller,
                               question.mounts};
  return find_identity(input, accounts);
}

runtime::SpecMount bound(const std::string& destination, const std::string& source = "/src") {
  return {destination, "bind", source, {"rbind"}};
}

std::vector<runtime::SpecMount> mounts_of(const runtime::SpecMount& mount) { return {mount}; }

}  // namespace

TEST_CASE("lines can be the caller's own, and none at all") {
  const auto none = mounts_of(bound("/srv"));
  IdentityInput input = {"1234:77", {}, "/work", {}, {}, none};
  input.passwd_entry = "$USERNAME:x:$UID:$GID:$NAME:$HOME:/bin/no";
  input.group_entry = "crowd$GID:x:$GID:$USERLIST";
  const auto own = find_identity(input, k_image);
  REQUIRE(own);
  CHECK(own->missing.passwd == "1234:x:1234:77:container user:/work:/bin/no\n");
  CHECK(own->missing.group == "crowd77:x:77:1234\n");
  input.adds_lines = false;
  const auto bare = find_identity(input, k_image);
  REQUIRE(bare);
  CHECK(bare->missing == Accounts{});
  CHECK(bare->user.uid == 1234);
}

TEST_CASE("users of the host get a line where the image has none of that name or number") {
  const auto none = mounts_of(bound("/srv"));
  IdentityInput input = {"jo", {}, "/work", {}, {}, none};
  input.host_users = {jo().user, {.name = "user", .uid = 5, .gid = 5, .gecos = {}, .home = "/", .shell = {}}};
  const auto identity = find_identity(input, k_image);
  REQUIRE(identity);
  CHECK(identity->missing.passwd == "jo:*:1001:1001:Jo:/work:/bin/sh\n");
  CHECK(identity->user.uid == 1001);
  CHECK(find_host_users({"root"})->front().uid == 0);
  CHECK(find_host_users({"no such user"}).error().message() == "user: unknown user no such user");
}

TEST_CASE("users that the image knows need no line") {
  for (const char* user : {"", "0", "root", "1000", "daemon", "1000:10"}) {
    const auto identity = ask({user});
    REQUIRE(identity);
    CHECK(identity->missing == Accounts{});
  }
}

TEST_CASE("a number without a name gets podman's line, with the working directory as its home") {
  const auto alone = ask({"1234", "/tmp"});
  REQUIRE(alone);
  CHECK(alone->missing == Accounts{"1234:*:1234:0:container user:/tmp:/bin/sh\n", "1234:x:1234:1234\n"});
  CHECK(alone->user == ResolvedUser{1234, 0, {0}, "1234", "/tmp"});
  const auto grouped = ask({"1234:55"});
  REQUIRE(grouped);
  CHECK(grouped->missing == Accounts{"1234:*:1234:55:container user:/:/bin/sh\n", "55:x:55:1234\n"});
  CHECK(grouped->user.gid == 55);
  CHECK(ask({"1234:wheel"})->missing == Accounts{"1234:*:1234:10:container user:/:/bin/sh\n", ""});
  CHECK(ask({"user:77"})->missing == Accounts{"", "77:x:77:user\n"});
}

TEST_CASE("with keep-id the caller gets a name, and its group is among those of every user") {
  const auto own = ask({"", "/srv", jo()});
  REQUIRE(own);
  CHECK(own->missing == Accounts{"jo:*:1001:1001:Jo:/srv:/bin/sh\n", "folk:x:1001:jo\n"});
  CHECK(own->user == ResolvedUser{1001, 1001, {1001}, "jo", "/srv"});
  const auto root = ask({"0", "/", jo()});
  REQUIRE(root);
  CHECK(root->user == ResolvedUser{0, 0, {0, 1001}, "root", "/root"});
  CHECK(root->missing.passwd == "jo:*:1001:1001:Jo:/:/bin/sh\n");
}

TEST_CASE("with keep-id and other numbers those get a line too") {
  Question question = {"", "/", jo()};
  question.userns.mode = UsernsChoice::Mode::keep_id;
  question.userns.keep_uid = 200;
  question.userns.keep_gid = 210;
  const auto identity = ask(question);
  REQUIRE(identity);
  CHECK(identity->missing.passwd == "jo:*:1001:1001:Jo:/:/bin/sh\n200:*:200:210:container user:/:/bin/sh\n");
  CHECK(identity->user == ResolvedUser{200, 210, {210}, "200", "/"});
}

TEST_CASE("the caller's home is used where a mount brings it along") {
  CHECK(ask({"", "/srv", jo(), {bound("/home")}})->user.home == "/home/jo");
  CHECK(ask({"", "/srv", jo(), {bound("/home/jo")}})->user.home == "/home/jo");
  CHECK(ask({"", "/srv", jo(), {bound("/home/other")}})->user.home == "/srv");
  auto odd = jo();
  odd.user.home = "nowhere";
  CHECK(ask({"", "/srv", odd})->user.home == "/srv");
}

TEST_CASE("a name or number of the image stays the image's") {
  auto caller = jo();
  caller.user.uid = 1000;
  CHECK(ask({"", "/", caller})->missing.passwd.empty());
  caller = jo();
  caller.user.name = "daemon";
  CHECK(ask({"", "/", caller})->missing.passwd.find("daemon") == std::string::npos);
}

TEST_CASE("nothing is added to account files that a mount covers") {
  CHECK(ask({"1234", "/", {}, {bound("/etc/passwd")}})->missing == Accounts{"", "1234:x:1234:1234\n"});
  CHECK(ask({"1234", "/", {}, {bound("/etc")}})->missing == Accounts{});
}

TEST_CASE("a line is added behind an unfinished one, and a working directory cannot break it") {
  const auto open = ask({"7"}, {"root:x:0:0::/:/bin/sh", "root:x:0:"});
  REQUIRE(open);
  CHECK(open->missing == Accounts{"\n7:*:7:0:container user:/:/bin/sh\n", "\n7:x:7:7\n"});
  CHECK(open->user.name == "7");
  CHECK(ask({"7", "/a:0:0"})->missing.passwd == "7:*:7:0:container user:/:/bin/sh\n");
}

TEST_CASE("account files are those the container wrote and those mounted over them") {
  const test::TemporaryDir dir;
  for (const char* path : {"lower", "lower/etc", "upper", "upper/etc", "volume"}) {
    REQUIRE(::mkdir((dir.path() + "/" + path).c_str(), 0755) == 0);
  }
  REQUIRE(create_file(dir.path() + "/lower/etc/passwd", "lower"));
  REQUIRE(create_file(dir.path() + "/lower/etc/group", "group"));
  runtime::RootfsPlan plan;
  plan.kind = runtime::RootfsPlan::Kind::overlay;
  plan.lower_dirs = {dir.path() + "/lower"};
  CHECK(read_accounts(plan, {}).value() == Accounts{"lower", "group"});
  plan.upper_dir = dir.path() + "/upper";
  REQUIRE(create_file(dir.path() + "/upper/etc/passwd", "upper"));
  CHECK(read_accounts(plan, {}).value() == Accounts{"upper", "group"});
  REQUIRE(create_file(dir.path() + "/volume/passwd", "volume"));
  CHECK(read_accounts(plan, mounts_of(bound("/etc", dir.path() + "/volume"))).value() == Accounts{"volume", ""});
  CHECK(read_accounts(plan, mounts_of(bound("/etc/group", dir.path() + "/volume/passwd"))).value() ==
        Accounts{"upper", "volume"});
  CHECK(read_accounts(plan, mounts_of({"/etc", "tmpfs", "tmpfs", {}})).value() == Accounts{});
  // What the container made of the volume cannot lead to a file of the host.
  REQUIRE(::unlink((dir.path() + "/volume/passwd").c_str()) == 0);
  REQUIRE(::symlink("/etc/passwd", (dir.path() + "/volume/passwd").c_str()) == 0);
  CHECK(read_accounts(plan, mounts_of(bound("/etc", dir.path() + "/volume"))).value() == Accounts{});
}

TEST_CASE("a time zone is a file of the host's collection, and nothing else") {
  const test::TemporaryDir dir;
  REQUIRE(::mkdir((dir.path() + "/Area").c_str(), 0755) == 0);
  REQUIRE(create_file(dir.path() + "/Area/City", "TZif2..."));
  REQUIRE(create_file(dir.path() + "/zone.tab", "# text"));
  const Environment environment = {{"TZDIR", dir.path()}};
  const auto zone = find_zone("Area/City", environment);
  REQUIRE(zone);
  CHECK(zone->name == "Area/City");
  CHECK(zone->path == dir.path() + "/Area/City");
  CHECK(find_zone("Area/None", environment).error().text() ==
        "finding timezone: unknown time zone Area/None: '" + dir.path() + "/Area/None' does not exist");
  CHECK(find_zone("Area", environment).error().code() == Errc::not_found);
  CHECK(find_zone("zone.tab", environment).error().code() == Errc::not_found);
  for (const char* name : {"../passwd", "/etc/passwd", "Area//City", "Area/./City", "Area/"}) {
    CHECK(find_zone(name, environment).error().code() == Errc::invalid);
  }
}

TEST_CASE("the zone is linked where the image has it, else copied") {
  const test::TemporaryDir dir;
  const Zone zone = {"Area/City", "/host/zone"};
  const auto view = storage::MergedView::open({dir.path()}).value();
  const runtime::RootEdit copy = {runtime::RootEdit::Kind::replace, "/etc/localtime", "/host/zone"};
  CHECK(zone_edit(zone, view).value() == copy);
  REQUIRE(Dir::open_or_make(dir.path() + "/usr/share/zoneinfo/Area", 0755));
  REQUIRE(create_file(dir.path() + "/usr/share/zoneinfo/Area/City", "TZif2"));
  const runtime::RootEdit link = {runtime::RootEdit::Kind::link, "/etc/localtime", "../usr/share/zoneinfo/Area/City"};
  CHECK(zone_edit(zone, view).value() == link);
  CHECK(zone_edit({"", "/host/zone"}, view).value() == copy);
}

}  // namespace ctr::engine
