// Layers that try to get out, to cost too much, or to lie.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "tests/unit/storage/support.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

namespace {

// A target beside a directory that no layer may reach.
struct Cell {
  TempDir temp;
  Dir target, outside;
  Cell() {
    must(temp.dir().make_dir("target", 0755));
    must(temp.dir().make_dir("outside", 0755));
    target = must(temp.dir().open_dir("target"));
    outside = must(temp.dir().open_dir("outside"));
    must(outside.write_file("secret", "secret", Sync::no, 0600));
  }
  // Whatever the verdict about the layer: outside is as it was.
  Result<UnpackedLayer> run(const std::string& tar) {
    auto layer = unpack(tar, target);
    CHECK(must(outside.list()) == std::vector<std::string>{"secret"});
    CHECK(must(outside.read_file("secret")) == "secret");
    CHECK((must_stat(outside, "secret").st_mode & 07777) == 0600);
    CHECK(must_stat(outside, "secret").st_nlink == 1);
    CHECK(must(temp.dir().list()).size() == 2);
    return layer;
  }
  Errc refused(const std::string& tar) {
    auto layer = run(tar);
    REQUIRE_FALSE(layer);
    CHECK(layer.error().text().find('\n') == std::string::npos);
    return layer.error().code();
  }
};

TarHeader owned(uint64_t uid, uint64_t gid) {
  TarHeader header;
  header.name = "f";
  header.uid = uid;
  header.gid = gid;
  return header;
}

TarHeader with_pax(std::vector<std::pair<std::string, std::string>> pax) {
  TarHeader header;
  header.name = "f";
  header.content = "x";
  header.pax = std::move(pax);
  return header;
}

}  // namespace

TEST_CASE("names that climb out are refused, absolute ones stay inside") {
  for (const char* name : {"../x", "a/../../x", "../outside/secret", "/../x", "./../x", ".."}) {
    Cell cell;
    CHECK(cell.refused(TarBuilder().dir("a/").file(name, "1").finish()) == Errc::corrupt);
  }
  Cell cell;
  must(cell.run(TarBuilder().file("/etc/x", "1").dir("b/").file("b/../y", "2").file("//z", "3").finish()));
  CHECK(must(cell.target.read_file("etc/x")) == "1");
  CHECK(must(cell.target.read_file("y")) == "2");
  CHECK(must(cell.target.read_file("z")) == "3");
}

TEST_CASE("links planted by the layer lead nowhere outside") {
  for (const char* to :
       {"../outside", "/proc/self/cwd/../outside", "../../../../../../../../tmp", "/", ".", "/proc/self/root"}) {
    Cell cell;
    (void)cell.run(
        TarBuilder().link("l", to).file("l/x", "1").file("l/secret", "2").dir("l/d/").file("l/.wh.secret").finish());
  }
  Cell cell;
  std::string absolute = cell.temp.path() + "/outside";
  (void)cell.run(TarBuilder().link("l", absolute).file("l/secret", "1").dir("l/", 0777).file("l", "2").finish());
}

TEST_CASE("a chain of links that ends nowhere is refused") {
  Cell cell;
  CHECK(cell.refused(TarBuilder().link("a", "b").link("b", "a").file("a/x", "1").finish()) == Errc::corrupt);
}

TEST_CASE("a file is never written through a link of its name") {
  Cell cell;
  must(cell.run(TarBuilder().link("f", "../outside/secret").file("f", "mine").finish()));
  CHECK(must(cell.target.read_file("f")) == "mine");
  CHECK(S_ISREG(must_stat(cell.target, "f").st_mode));
}

TEST_CASE("hard links reach files of the layer only") {
  for (const char* to : {"../outside/secret", "/outside/secret", "missing", "d", "", ".", "l/secret", "w"}) {
    Cell cell;
    CHECK(cell.refused(TarBuilder().dir("d/").link("l", "../outside").file(".wh.w").hard_link("h", to).finish()) ==
          Errc::corrupt);
  }
  Cell cell;
  // A link to a link is the link itself: writing to the name replaces it.
  must(cell.run(TarBuilder().link("s", "../outside/secret").hard_link("h", "s").file("h", "mine").finish()));
  CHECK(must(cell.target.read_file("h")) == "mine");
}

TEST_CASE("a file in the way of a directory is an error") {
  Cell cell;
  CHECK(cell.refused(TarBuilder().file("a", "1").file("a/b", "2").finish()) == Errc::corrupt);
}

TEST_CASE("whiteouts of nothing and entries below whiteouts are refused") {
  for (const char* name : {".wh.", "d/.wh.", ".wh..", ".wh...", "d/.wh...", ".wh.x/y"}) {
    Cell cell;
    CHECK(cell.refused(TarBuilder().dir("d/").file(name).finish()) == Errc::corrupt);
  }
}

TEST_CASE("metadata of the aufs driver is left out") {
  Cell cell;
  must(cell.run(TarBuilder().dir(".wh..wh.plnk/").file(".wh..wh.plnk/1.2", "x").file(".wh..wh.aufs").finish()));
  CHECK(must(cell.target.list()).empty());
}

TEST_CASE("ids outside the range or the map are refused by number and name") {
  OwnerRules mapped{.uids = {{0, 1}, {1, 65536}}, .gids = {{0, 65537}}, .ignore = false};
  for (auto [uid, gid] : {std::pair<uint64_t, uint64_t>{4'294'967'295, 0},
                          {4'294'967'296, 0},
                          {0, 4'294'967'295},
                          {0, uint64_t{1} << 40},
                          {65'537, 0},
                          {0, 65'537}}) {
    Cell cell;
    UnpackOptions options;
    options.owners = mapped;
    auto layer = unpack(TarBuilder().add(owned(uid, gid)).finish(), cell.target, options);
    REQUIRE_FALSE(layer);
    CHECK(layer.error().code() == Errc::invalid);
    CHECK(layer.error().text().find("'f'") != std::string::npos);
    CHECK(layer.error().text().find(std::to_string(uid == 0 ? gid : uid)) != std::string::npos);
    CHECK_FALSE(cell.target.exists("f"));
  }
  for (const char* text : {"-1", "4294967295", "4294967296", "99999999999999999999"}) {
    Cell cell;
    CHECK(cell.refused(TarBuilder().add(with_pax({{"uid", text}})).finish()) == Errc::invalid);
  }
}

TEST_CASE("extended headers and attributes have limits") {
  Cell cell;
  CHECK_FALSE(cell.run(TarBuilder().add(with_pax({{"comment", std::string(2 << 20, 'x')}})).finish()));
  CHECK(cell.refused(TarBuilder().add(with_pax({{"SCHILY.xattr.user.a", std::string(70'000, 'x')}})).finish()) ==
        Errc::invalid);
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 15; ++i) many.emplace_back("SCHILY.xattr.user." + std::to_string(i), std::string(60'000, 'x'));
  UnpackOptions options = own_files();
  options.limits.xattr_total_bytes = 100'000;
  auto layer = unpack(TarBuilder().add(with_pax(many)).finish(), cell.target, options);
  REQUIRE_FALSE(layer);
  CHECK(layer.error().code() == Errc::invalid);
  TarHeader gnu{.name = "././@LongLink", .type = 'L', .content = std::string(2 << 20, 'a'), .target = {}, .pax = {}};
  CHECK_FALSE(cell.run(TarBuilder().add(gnu).file("x").finish()));
}

TEST_CASE("paths, entries and bytes have limits that are named") {
  Cell cell;
  CHECK(cell.refused(TarBuilder().add(with_pax({{"path", std::string(300, 'n')}})).finish()) == Errc::corrupt);
  std::string deep;
  for (int i = 0; i < 2100; ++i) deep += "d/";
  CHECK(cell.refused(TarBuilder().add(with_pax({{"path", deep}})).finish()) == Errc::invalid);
  UnpackOptions options = own_files();
  options.limits.files = 2;
  CHECK(unpack(TarBuilder().file("a").file("b").file("c").finish(), cell.target, options).error().code() ==
        Errc::invalid);
  options = own_files();
  options.limits.total_bytes = 100;
  CHECK(unpack(TarBuilder().file("a", std::string(101, 'x')).finish(), cell.target, options).error().code() ==
        Errc::invalid);
  options = own_files();
  options.limits.stream_bytes = 1000;
  CHECK(unpack(gzip(TarBuilder().file("a", std::string(5000, 'x')).finish()), cell.target, options).error().code() ==
        Errc::invalid);
}

TEST_CASE("a sparse file of terabytes costs nothing, one of more than the file system can hold is refused") {
  Cell cell;
  std::string map = "1\n0\n1\n";
  map.resize(512, '\0');
  auto sparse = [&](const std::string& size) {
    TarHeader header = with_pax({{"GNU.sparse.major", "1"},
                                 {"GNU.sparse.minor", "0"},
                                 {"GNU.sparse.name", "s"},
                                 {"GNU.sparse.realsize", size}});
    header.content = map + "x";
    return TarBuilder().add(header).finish();
  };
  auto big = cell.run(sparse("1099511627776"));
  if (big) CHECK(must_stat(cell.target, "s").st_blocks < 100);
  CHECK_FALSE(cell.run(sparse("9223372036854775807")));
}

TEST_CASE("damaged and foreign data is an error of one line") {
  std::string tar = TarBuilder().file("a", std::string(20'000, 'x')).finish();
  std::string gz = gzip(tar);
  std::string zst = zstd(tar);
  Cell cell;
  CHECK(cell.refused(tar.substr(0, 5000)) == Errc::corrupt);
  CHECK(cell.refused(gz.substr(0, gz.size() / 2)) == Errc::corrupt);
  CHECK(cell.refused(gz.substr(0, gz.size() - 4)) == Errc::corrupt);
  CHECK(cell.refused(zst.substr(0, zst.size() / 2)) == Errc::corrupt);
  CHECK(cell.refused(gz + "garbage") == Errc::corrupt);
  CHECK(cell.refused(zst + "garbage") == Errc::corrupt);
  std::string flipped = gz;
  flipped[gz.size() - 6] = static_cast<char>(flipped[gz.size() - 6] ^ 1);  // the checksum
  CHECK(cell.refused(flipped) == Errc::corrupt);
  std::string bad_zstd = zst;
  bad_zstd[zst.size() / 2] = static_cast<char>(bad_zstd[zst.size() / 2] ^ 0xff);
  (void)cell.run(bad_zstd);
  CHECK(cell.refused("this is no archive at all, but long enough to look at" + std::string(600, '!')) == Errc::corrupt);
  CHECK(cell.refused(std::string("\xfd"
                                 "7zXZ\0\0\0\0",
                                 9)) == Errc::unsupported);
  CHECK(cell.refused("BZh91AY&SY") == Errc::unsupported);
  CHECK(cell.refused("PK\x03\x04 a zip archive") == Errc::unsupported);
  CHECK(cell.refused("\x1f\x9d\x90 of the program compress") == Errc::unsupported);
}

TEST_CASE("the root of the layer stays a directory") {
  Cell cell;
  CHECK(cell.refused(TarBuilder().link("./", "../outside").file("x", "1").finish()) == Errc::corrupt);
  CHECK(cell.refused(TarBuilder().file("/", "x").finish()) == Errc::corrupt);
}

TEST_CASE("an archive in an archive is a file, and a second archive behind the end is not read") {
  Cell cell;
  std::string inner = TarBuilder().file("../../evil", "1").finish();
  must(cell.run(TarBuilder().file("inner.tar", inner).finish() + TarBuilder().file("second", "2").finish()));
  CHECK(must(cell.target.list()) == std::vector<std::string>{"inner.tar"});
}
