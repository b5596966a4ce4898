// What a well-formed layer becomes on disk.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/digest.h"
#include "tests/unit/storage/support.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

TEST_CASE("files, directories and links of a layer appear with content, mode and time") {
  TempDir temp;
  std::string tar = TarBuilder()
                        .dir("etc/", 0750)
                        .file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
                        .link("etc/link", "passwd")
                        .finish();
  auto layer = must(unpack(tar, temp.dir()));
  CHECK(layer.record.files == 3);
  CHECK(layer.record.size_bytes == tar.size());
  CHECK(layer.record.diff_id.digest == digest_of(tar));
  CHECK(must(temp.dir().read_file("etc/passwd")) == "root:x:0:0::/root:/bin/sh\n");
  CHECK(must(must(temp.dir().open_dir("etc")).read_symlink("link")) == "passwd");
  CHECK((must_stat(temp.dir(), "etc").st_mode & 07777) == 0750);
  CHECK(must_stat(temp.dir(), "etc").st_mtim.tv_sec == 1'600'000'000);
  CHECK(must_stat(temp.dir(), "etc/passwd").st_mtim.tv_sec == 1'600'000'000);
  CHECK(must_stat(temp.dir(), "etc/link").st_mtim.tv_sec == 1'600'000'000);
}

TEST_CASE("gzip, concatenated gzip, zstd and plain tar give the same digest") {
  std::string tar = TarBuilder().file("a", std::string(100'000, 'x')).file("b", "y").finish();
  std::string half = tar.substr(0, 70'001);
  std::string rest = tar.substr(70'001);
  for (const auto& compressed :
       {tar, gzip(tar), gzip(half) + gzip(rest), gzip("") + gzip(tar), zstd(tar), zstd(half) + zstd(rest)}) {
    for (size_t piece : {size_t{1}, size_t{7}, size_t{4096}, SIZE_MAX}) {
      TempDir temp;
      StringSource source(compressed, piece);
      auto layer = must(unpack_layer(source, temp.dir(), own_files()));
      CHECK(layer.record.diff_id.digest == digest_of(tar));
      CHECK(must(temp.dir().read_file("a")).size() == 100'000);
    }
  }
}

TEST_CASE("padding behind the end of the archive belongs to the digest") {
  TempDir temp;
  std::string tar = TarBuilder().file("a", "1").finish() + std::string(20'480, '\0');
  CHECK(must(unpack(gzip(tar), temp.dir())).record.diff_id.digest == digest_of(tar));
}

TEST_CASE("an empty archive is a layer without entries") {
  TempDir temp;
  CHECK(must(unpack(TarBuilder().finish(), temp.dir())).record.files == 0);
  CHECK(must(unpack(gzip(TarBuilder().finish()), temp.dir())).record.files == 0);
  CHECK(must(unpack("", temp.dir())).record.files == 0);
}

TEST_CASE("directory times are right although files come later and other directories in between") {
  TempDir temp;
  TarBuilder tar;
  for (int i = 0; i < 40; ++i) tar.dir("d" + std::to_string(i) + "/");
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 40; ++i) tar.file("d" + std::to_string(i) + "/f" + std::to_string(round));
  }
  must(unpack(tar.finish(), temp.dir()));
  for (int i = 0; i < 40; ++i) CHECK(must_stat(temp.dir(), "d" + std::to_string(i)).st_mtim.tv_sec == 1'600'000'000);
}

TEST_CASE("the entry of the root sets its mode and time") {
  TempDir temp;
  must(unpack(TarBuilder().dir("./", 0711).file("./a").finish(), temp.dir()));
  CHECK((must_stat(temp.dir(), ".").st_mode & 07777) == 0711);
  CHECK(must_stat(temp.dir(), ".").st_mtim.tv_sec == 1'600'000'000);
}

TEST_CASE("set-user-id, set-group-id and sticky bits stay") {
  TempDir temp;
  TarHeader su{.name = "su", .type = '0', .content = "x", .target = {}, .mode = 06755, .pax = {}};
  must(unpack(TarBuilder().dir("tmp/", 01777).add(su).dir("g/", 02775).dir("g/sub/", 0755).finish(), temp.dir()));
  CHECK((must_stat(temp.dir(), "tmp").st_mode & 07777) == 01777);
  CHECK((must_stat(temp.dir(), "su").st_mode & 07777) == 06755);
  CHECK((must_stat(temp.dir(), "g").st_mode & 07777) == 02775);
  CHECK((must_stat(temp.dir(), "g/sub").st_mode & 07777) == 0755);
}

TEST_CASE("hard links share an inode, also to symbolic links") {
  TempDir temp;
  must(unpack(TarBuilder()
                  .file("a", "1")
                  .hard_link("b", "a")
                  .hard_link("c", "./a")
                  .link("l", "/nowhere")
                  .hard_link("l2", "l")
                  .finish(),
              temp.dir()));
  CHECK(must_stat(temp.dir(), "a").st_nlink == 3);
  CHECK(must_stat(temp.dir(), "l").st_nlink == 2);
  CHECK(S_ISLNK(must_stat(temp.dir(), "l2").st_mode));
}

TEST_CASE("a whiteout hides, and an opaque mark empties, what lower layers have") {
  TempDir temp;
  must(unpack(
      TarBuilder().dir("etc/").file("etc/.wh.gone").dir("var/").file("var/.wh..wh..opq").file("var/kept", "1").finish(),
      temp.dir()));
  CHECK(is_whiteout(temp.dir(), "etc/gone"));
  CHECK_FALSE(must(temp.dir().find("etc/.wh.gone")));
  CHECK(is_opaque(temp.dir(), "var"));
  CHECK(must(temp.dir().read_file("var/kept")) == "1");
}

TEST_CASE("a whiteout leaves alone what the same layer has") {
  TempDir temp;
  auto layer = must(unpack(TarBuilder()
                               .file("f", "1")
                               .file(".wh.f")
                               .dir("d/")
                               .file("d/x", "2")
                               .file(".wh.d")
                               .file(".wh.e")
                               .dir("e/")
                               .file("e/y", "3")
                               .file(".wh.g")
                               .file("g", "4")
                               .file(".wh.h")
                               .file("h/z", "5")
                               .finish(),
                           temp.dir()));
  CHECK(must(temp.dir().read_file("f")) == "1");
  CHECK(must(temp.dir().read_file("d/x")) == "2");
  CHECK(is_opaque(temp.dir(), "d"));
  CHECK(must(temp.dir().read_file("e/y")) == "3");
  CHECK(is_opaque(temp.dir(), "e"));
  CHECK(must(temp.dir().read_file("g")) == "4");
  CHECK(must(temp.dir().read_file("h/z")) == "5");
  CHECK(is_opaque(temp.dir(), "h"));
  CHECK_FALSE(layer.record.is_opaque_root);
}

TEST_CASE("an opaque mark in the root is told to the mount") {
  TempDir temp;
  CHECK(must(unpack(TarBuilder().file(".wh..wh..opq").file("a").finish(), temp.dir())).record.is_opaque_root);
}

TEST_CASE("later entries replace earlier ones of any type") {
  TempDir temp;
  must(unpack(TarBuilder()
                  .file("a", "1")
                  .file("a", "2")
                  .dir("b/")
                  .file("b/x")
                  .file("b", "file now")
                  .file("c", "1")
                  .dir("c/")
                  .file("c/y", "3")
                  .dir("real/")
                  .link("d", "real")
                  .dir("d/")
                  .file("d/z", "4")
                  .link("e", "a")
                  .file("e", "5")
                  .dir("f/")
                  .file("f/x", "6")
                  .dir("f/", 0700)
                  .finish(),
              temp.dir()));
  CHECK(must(temp.dir().read_file("a")) == "2");
  CHECK(must(temp.dir().read_file("b")) == "file now");
  CHECK(must(temp.dir().read_file("c/y")) == "3");
  CHECK(must(temp.dir().read_file("d/z")) == "4");
  CHECK_FALSE(must(temp.dir().find("real/z")));
  CHECK(must(temp.dir().read_file("e")) == "5");
  CHECK(must(temp.dir().read_file("f/x")) == "6");
  CHECK((must_stat(temp.dir(), "f").st_mode & 07777) == 0700);
}

TEST_CASE("names are kept byte for byte") {
  TempDir temp;
  std::string raw = "raw\xff\xfe";
  std::string utf8 = "h\xc3\xa9";
  std::string odd = "new\nline \x1b[31m\\";
  TarHeader pax{.name = "short", .type = '0', .content = "p", .target = {}, .pax = {{"path", "pax\xc3\xa9\xff"}}};
  must(unpack(TarBuilder().file(raw, "1").file(utf8, "2").file(odd, "3").add(pax).finish(), temp.dir()));
  CHECK(must(temp.dir().read_file(raw)) == "1");
  CHECK(must(temp.dir().read_file(utf8)) == "2");
  CHECK(must(temp.dir().read_file(odd)) == "3");
  CHECK(must(temp.dir().read_file("pax\xc3\xa9\xff")) == "p");
}

TEST_CASE("long names come from PAX and from GNU headers") {
  TempDir temp;
  std::string long_name;
  for (int i = 0; i < 12; ++i) long_name += std::string(200, static_cast<char>('a' + i)) + "/";
  TarHeader pax{.name = "x", .type = '0', .content = "pax", .target = {}, .pax = {{"path", long_name + "pax"}}};
  std::string gnu_name = long_name + "gnu";
  TarHeader gnu{
      .name = "././@LongLink", .type = 'L', .content = gnu_name + std::string(1, '\0'), .target = {}, .pax = {}};
  must(unpack(TarBuilder().add(pax).add(gnu).file("x", "gnu").finish(), temp.dir()));
  CHECK(must(temp.dir().read_file(long_name + "pax")) == "pax");
  CHECK(must(temp.dir().read_file(gnu_name)) == "gnu");
}

TEST_CASE("extended attributes of users are set, those of storage drivers and labels are not") {
  TempDir temp;
  TarHeader file{.name = "a",
                 .type = '0',
                 .content = "x",
                 .target = {},
                 .pax = {{"SCHILY.xattr.user.kept", std::string("v\0w", 3)},
                         {"SCHILY.xattr.user.overlay.opaque", "y"},
                         {"SCHILY.xattr.trusted.overlay.redirect", "/etc"},
                         {"SCHILY.xattr.user.fuseoverlayfs.opaque", "y"},
                         {"SCHILY.xattr.user.containers.override_stat", "0:0:0755"},
                         {"SCHILY.xattr.security.selinux", "unconfined"}}};
  auto layer = must(unpack(TarBuilder().add(file).finish(), temp.dir()));
  CHECK(layer.skipped_xattrs == 5);
  char value[16] = {};
  std::string path = temp.path() + "/a";
  CHECK(::getxattr(path.c_str(), "user.kept", value, sizeof value) == 3);
  CHECK(::getxattr(path.c_str(), "user.overlay.opaque", value, sizeof value) < 0);
}

TEST_CASE("holes of sparse files stay holes") {
  TempDir temp;
  // GNU sparse 1.0: the map is at the head of the content.
  std::string map = "2\n0\n4\n1048576\n4\n";
  map.resize(512, '\0');
  TarHeader sparse{.name = "GNUSparseFile.0/s",
                   .type = '0',
                   .content = map + "headtail",
                   .target = {},
                   .pax = {{"GNU.sparse.major", "1"},
                           {"GNU.sparse.minor", "0"},
                           {"GNU.sparse.name", "s"},
                           {"GNU.sparse.realsize", "10485760"}}};
  must(unpack(TarBuilder().add(sparse).finish(), temp.dir()));
  auto info = must_stat(temp.dir(), "s");
  CHECK(info.st_size == 10'485'760);
  CHECK(info.st_blocks * 512 < 100'000);
  std::string content = must(temp.dir().read_file("s", 16 << 20));
  CHECK(content.substr(0, 4) == "head");
  CHECK(content.substr(1'048'576, 4) == "tail");
}

TEST_CASE("FIFOs are made, device nodes are left out and counted") {
  TempDir temp;
  TarHeader fifo{.name = "fifo", .type = '6', .content = {}, .target = {}, .mode = 0620, .pax = {}};
  TarHeader null{
      .name = "null", .type = '3', .content = {}, .target = {}, .device_major = 1, .device_minor = 3, .pax = {}};
  TarHeader zero{.name = "zero", .type = '3', .content = {}, .target = {}, .pax = {}};
  TarHeader disk{.name = "disk", .type = '4', .content = {}, .target = {}, .device_major = 8, .pax = {}};
  auto layer = must(unpack(TarBuilder().add(fifo).add(null).add(zero).add(disk).finish(), temp.dir()));
  CHECK(layer.skipped_devices == 3);
  CHECK(S_ISFIFO(must_stat(temp.dir(), "fifo").st_mode));
  CHECK((must_stat(temp.dir(), "fifo").st_mode & 07777) == 0620);
  for (const char* name : {"null", "zero", "disk"}) CHECK_FALSE(must(temp.dir().find(name)));
}

TEST_CASE("parents that the archive leaves out are made") {
  TempDir temp;
  must(unpack(TarBuilder().file("usr/share/doc/x", "1").finish(), temp.dir()));
  CHECK(must(temp.dir().read_file("usr/share/doc/x")) == "1");
  CHECK((must_stat(temp.dir(), "usr/share").st_mode & 07777) == 0755);
}

TEST_CASE("entries below a symbolic link go where the link leads within the layer") {
  TempDir temp;
  must(unpack(TarBuilder()
                  .dir("usr/")
                  .dir("usr/bin/")
                  .link("bin", "usr/bin")
                  .file("bin/sh", "1")
                  .link("run", "/var/run")
                  .file("run/pid", "2")
                  .finish(),
              temp.dir()));
  CHECK(must(temp.dir().read_file("usr/bin/sh")) == "1");
  CHECK(must(temp.dir().read_file("var/run/pid")) == "2");
  CHECK(S_ISLNK(must_stat(temp.dir(), "run").st_mode));
}

TEST_CASE("a growing blob is unpacked while it arrives") {
  TempDir temp;
  std::string tar = gzip(TarBuilder().file("a", std::string(300'000, 'q')).finish());
  auto blob = must(open_path(temp.path() + "/blob", O_RDWR | O_CREAT, 0600));
  auto pipe = must(make_pipe());
  must(write_all(blob.get(), tar, "blob"));
  uint64_t counts[] = {10, tar.size() / 2, tar.size(), k_stream_end};
  must(write_all(pipe.write_end.get(), std::string_view(reinterpret_cast<const char*>(counts), sizeof counts), "pipe"));
  must(temp.dir().make_dir("out", 0755));
  Dir out = must(temp.dir().open_dir("out"));
  GrowingSource source(blob.get(), pipe.read_end.get());
  CHECK(must(unpack_layer(source, out, own_files())).record.files == 1);
}

TEST_CASE("a download that is broken off stops the unpacking") {
  TempDir temp;
  std::string tar = gzip(TarBuilder().file("a", std::string(300'000, 'q')).finish());
  auto blob = must(open_path(temp.path() + "/blob", O_RDWR | O_CREAT, 0600));
  must(write_all(blob.get(), tar, "blob"));
  auto pipe = must(make_pipe());
  uint64_t count = tar.size() / 2;
  must(write_all(pipe.write_end.get(), std::string_view(reinterpret_cast<const char*>(&count), sizeof count), "pipe"));
  pipe.write_end.reset();
  must(temp.dir().make_dir("out", 0755));
  Dir out = must(temp.dir().open_dir("out"));
  GrowingSource source(blob.get(), pipe.read_end.get());
  auto layer = unpack_layer(source, out, own_files());
  REQUIRE_FALSE(layer);
  CHECK(layer.error().code() == Errc::interrupted);
}

TEST_CASE("requests and answers of the worker survive the way through JSON") {
  UnpackRequest request{.blob_fd = 3, .count_fd = 4, .target_fd = 5, .answer_fd = 6, .options = {}};
  request.options.limits.files = 7;
  request.options.owners.uids = {{0, 1}, {1, 65536}};
  request.options.owners.gids = {{0, 65537}};
  Json json = to_json(request);
  auto back = must(unpack_request_from_json(JsonReader(json, "request")));
  CHECK(back.blob_fd == 3);
  CHECK(back.answer_fd == 6);
  CHECK(back.options.limits == request.options.limits);
  CHECK(back.options.owners == request.options.owners);

  auto failed = unpack_answer_from_json(to_json(Result<UnpackedLayer>(Error(Errc::corrupt, "bad"))));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code() == Errc::corrupt);
  TempDir temp;
  auto layer = must(unpack(TarBuilder().file("a").finish(), temp.dir()));
  auto same = must(unpack_answer_from_json(to_json(Result<UnpackedLayer>(layer))));
  CHECK(same.record == layer.record);
}
