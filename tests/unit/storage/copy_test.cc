// Trees to tar and back.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/layer_stream.h"
#include "storage/tar_reader.h"
#include "storage/tar_writer.h"
#include "storage/tree_archive.h"
#include "storage/tree_worker.h"
#include "tests/unit/storage/support.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

namespace {

// Entries of a tar as text: kind, path, target, size.
std::vector<std::string> list_tar(const std::string& bytes) {
  StringSource source(bytes);
  LayerStream stream(source, UINT64_MAX, Hashing::no);
  auto tar = must(TarReader::open(stream, {}));
  std::vector<std::string> lines;
  while (const TarEntry* entry = must(tar.next())) {
    std::string line(1, "fdlhp??"[static_cast<size_t>(entry->type)]);
    line += " " + entry->path;
    if (!entry->target.empty()) line += " -> " + entry->target;
    if (entry->size_bytes > 0) line += " " + std::to_string(entry->size_bytes);
    lines.push_back(line);
  }
  return lines;
}

TarEntry read_one(const std::string& bytes) {
  StringSource source(bytes);
  LayerStream stream(source, UINT64_MAX, Hashing::no);
  auto tar = must(TarReader::open(stream, {}));
  const TarEntry* entry = must(tar.next());
  REQUIRE(entry != nullptr);
  return *entry;
}

// Two trees, "from" and "to", and a file between them.
class Copy {
 public:
  Copy() {
    for (const char* name : {"from", "to"}) must(temp_.dir().make_dir(name, 0755));
    extract_.owners.ignore = true;
    extract_.owner = archive_.owner = "container c";
    archive_.name = ".";
  }

  void file(const std::string& path, std::string_view content) {
    for (size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
      (void)must(temp_.dir().open_or_make_dir(path.substr(0, at), 0755));
    }
    must(temp_.dir().write_file(path, content, Sync::no, 0644));
  }
  void link(const std::string& path, const std::string& target) { must(temp_.dir().make_symlink(target, path)); }
  std::string read(const std::string& path) { return must(temp_.dir().read_file(path)); }
  struct stat status(const std::string& path) { return must(temp_.dir().find(path)).value(); }
  bool exists(const std::string& path) { return temp_.dir().exists(path); }
  std::string path(const std::string& name) const { return temp_.path() + "/" + name; }

  void name_targets() { archive_.name_of_target = true; }
  std::string archive(const std::string& path, const std::string& name) {
    ArchiveJob job = archive_;
    job.path = path;
    job.name = name;
    return written([&](int fd) { return archive_tree(must(temp_.dir().open_dir("from")), job, fd); });
  }
  template <typename Write>
  std::string written(Write write) {
    const Fd file = open_stream();
    must(write(file.get()));
    REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
    return must(read_all(file.get(), size_t{64} << 20, "the archive"));
  }
  Result<void> extract(const std::string& bytes, ExtractJob job) {
    const Fd file = open_stream();
    must(write_all(file.get(), bytes, "the archive"));
    REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
    job.owners.ignore = true;
    job.owner = "container c";
    auto done = extract_tree(must(temp_.dir().open_dir("to")), job, file.get());
    unread_bytes = bytes.size() - static_cast<size_t>(::lseek(file.get(), 0, SEEK_CUR));
    return done;
  }
  size_t unread_bytes = 0;  // by the last extract()
  // As cp does it: `name` is what the source is called.
  Result<void> run(const std::string& source, const std::string& name, const std::string& destination,
                   bool overwrite = false) {
    ExtractJob job;
    job.path = destination;
    job.name = name;
    job.overwrite = overwrite;
    return extract(archive(source, "."), job);
  }

 private:
  Fd open_stream() { return must(open_path(temp_.path() + "/stream", O_RDWR | O_CREAT | O_TRUNC, 0600)); }

  TempDir temp_;
  ArchiveJob archive_;
  ExtractJob extract_;
};

}  // namespace

TEST_CASE("a tar header holds names, times and ids that ustar has no room for") {
  TarEntry entry;
  entry.type = TarEntry::Type::symlink;
  entry.path = std::string(300, 'n') + "/x";
  entry.target = std::string(200, 't');
  entry.mode = 0777;
  entry.uid = 4294967294;
  entry.gid = 12;
  entry.mtime_seconds = -3;
  entry.mtime_nanoseconds = 250'000'000;
  const auto end = std::string(1024, '\0');
  const auto read = read_one(tar_header(entry) + end);
  CHECK(read.path == entry.path);
  CHECK(read.target == entry.target);
  CHECK(read.uid == entry.uid);
  CHECK(read.gid == 12);
  CHECK(read.mtime_seconds == -3);
  CHECK(read.mtime_nanoseconds == 0);
  entry.mtime_seconds = int64_t{1} << 40;
  entry.type = TarEntry::Type::file;
  entry.target.clear();
  entry.size_bytes = uint64_t{9} << 30;
  entry.xattrs = {{"user.note", std::string("a\0=b\n", 5)}};
  const auto file = read_one(tar_header(entry) + end);
  CHECK(file.size_bytes == entry.size_bytes);
  CHECK(file.mtime_seconds == entry.mtime_seconds);
  CHECK(file.mtime_nanoseconds == 250'000'000);
  REQUIRE(file.xattrs.size() == 1);
  CHECK(file.xattrs[0].name == "user.note");
  CHECK(file.xattrs[0].value == entry.xattrs[0].value);
}

TEST_CASE("an archive has a tree's entries by name, links as links and further names of a file as hard links") {
  Copy copy;
  copy.file("from/d/b", "bb");
  copy.file("from/d/a/x", "x");
  copy.link("from/d/link", "/etc/passwd");
  REQUIRE(::link(copy.path("from/d/b").c_str(), copy.path("from/d/c").c_str()) == 0);
  REQUIRE(::mkfifo(copy.path("from/d/pipe").c_str(), 0600) == 0);
  CHECK(list_tar(copy.archive("/d", "d")) == std::vector<std::string>{"d d/", "d d/a/", "f d/a/x 1", "f d/b 2",
                                                                      "h d/c -> d/b", "l d/link -> /etc/passwd",
                                                                      "p d/pipe"});
  CHECK(list_tar(copy.archive("d", "")).front() == "d a/");
  CHECK(list_tar(copy.archive("d/b", "other")) == std::vector<std::string>{"f other 2"});
}

TEST_CASE("what a link leads to is copied under its own name where that is asked for") {
  Copy copy;
  copy.file("from/d/target", "hi");
  copy.link("from/d/link", "target");
  copy.link("from/dirlink", "/d");
  copy.link("from/chain", "dirlink/link");
  copy.link("from/up", "d/..");
  copy.name_targets();
  CHECK(list_tar(copy.archive("d/link", ".")) == std::vector<std::string>{"f target 2"});
  CHECK(list_tar(copy.archive("chain", "x")) == std::vector<std::string>{"f target 2"});
  CHECK(list_tar(copy.archive("dirlink/target", ".")) == std::vector<std::string>{"f . 2"});
  CHECK(list_tar(copy.archive("dirlink/", ".")).front().starts_with("d d/"));
  CHECK(list_tar(copy.archive("up", ".")).front().starts_with("d ./"));
  CHECK(list_tar(copy.archive("dirlink", "")).size() == 2);
  must(copy.run("dirlink", "dirlink", "."));
  CHECK(copy.read("to/d/target") == "hi");
  must(copy.run("chain", "chain", "named"));
  CHECK(copy.read("to/named") == "hi");
}

TEST_CASE("paths of both ends are resolved inside of their trees") {
  Copy copy;
  copy.file("from/real/f", "inside");
  copy.file("outside", "secret");
  copy.link("from/abs", "/real");
  copy.link("from/up", "../../..");
  copy.link("from/escape", copy.path("outside"));
  CHECK(list_tar(copy.archive("abs/f", ".")) == std::vector<std::string>{"f . 6"});
  CHECK(list_tar(copy.archive("/up/real/../real/f", ".")) == std::vector<std::string>{"f . 6"});
  const auto from = must(Dir::open(copy.path("from")));
  const auto missing =
      archive_tree(from, {.path = "escape", .name = ".", .owner = "container c", .skip_unreadable = false}, 1);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message() == "\"escape\" could not be found on container c: no such file or directory");
  copy.link("to/out", "/");
  must(copy.run("real", "real", "out"));
  CHECK(copy.read("to/real/f") == "inside");
  // A link that leads to no directory is replaced.
  copy.link("to/file", copy.path("outside"));
  must(copy.run("real/f", "f", "file"));
  CHECK(copy.read("to/file") == "inside");
  CHECK(copy.read("outside") == "secret");
}

TEST_CASE("what the destination is decides where a copy goes") {
  Copy copy;
  copy.file("from/d/f", "new");
  copy.file("to/there/old", "old");
  copy.file("to/plain", "old");
  must(copy.run("d", "d", "there"));
  CHECK(copy.read("to/there/d/f") == "new");
  must(copy.run("d", "", "there"));
  CHECK(copy.read("to/there/f") == "new");
  must(copy.run("d", "d", "/made"));
  CHECK(copy.read("to/made/f") == "new");
  must(copy.run("d/f", "f", "plain"));
  CHECK(copy.read("to/plain") == "new");
  must(copy.run("d/f", "f", "there/"));
  CHECK(copy.read("to/there/f") == "new");
  const auto message = [](const Result<void>& done) { return done ? std::string() : done.error().message(); };
  CHECK(message(copy.run("d", "d", "plain")) == "destination must be a directory when copying a directory");
  CHECK(message(copy.run("d/f", "f", "no/x")) ==
        "\"no/x\" could not be found on container c: no such file or directory");
  CHECK(message(copy.run("d", "d", "no/")) == "\"no/\" could not be found on container c: no such file or directory");
}

TEST_CASE("in a copy the names of whiteouts are names like others, and special files give no way") {
  Copy copy;
  copy.file("from/d/.wh.x", "");
  copy.file("from/d/y", "y");
  copy.file("to/d/x", "x");
  copy.file("to/d/y/z", "z");
  const auto refused = copy.run("d", "d", "");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::exists);
  CHECK(copy.read("to/d/y/z") == "z");
  must(copy.run("d", "d", "", true));
  CHECK(copy.read("to/d/y") == "y");
  CHECK(copy.exists("to/d/.wh.x"));
  CHECK(copy.read("to/d/x") == "x");
}

TEST_CASE("files lose set-id bits where they are not trusted") {
  Copy copy;
  copy.file("from/f", "f");
  REQUIRE(::chmod(copy.path("from/f").c_str(), 06755) == 0);
  ExtractJob job;
  job.path = "kept";
  must(copy.extract(copy.archive("f", "."), job));
  CHECK((copy.status("to/kept").st_mode & 07777) == 06755);
  job.path = "dropped";
  job.drop_set_id = true;
  must(copy.extract(copy.archive("f", "."), job));
  CHECK((copy.status("to/dropped").st_mode & 07777) == 0755);
}

TEST_CASE("a copy is read to the last byte of its padding, so that nobody's pipe breaks") {
  Copy copy;
  copy.file("from/f", "f");
  ExtractJob job;
  job.path = "f";
  const auto padded = copy.archive("f", ".") + std::string(3000000, '\0');
  must(copy.extract(padded, job));
  CHECK(copy.unread_bytes == 0);
}

TEST_CASE("holes stay holes") {
  Copy copy;
  copy.file("from/f", "start");
  REQUIRE(::truncate(copy.path("from/f").c_str(), 16 << 20) == 0);
  must(copy.run("f", "f", ""));
  const auto status = copy.status("to/f");
  CHECK(status.st_size == 16 << 20);
  CHECK(status.st_blocks * 512 < 1 << 20);
  CHECK(must(read_file(copy.path("to/f"), size_t{17} << 20)).substr(0, 7) == std::string("start\0\0", 7));
}

TEST_CASE("an archive of a stranger stays in the directory it is unpacked in") {
  Copy copy;
  copy.file("to/dest/keep", "k");
  copy.file("to/above", "a");
  const auto tar = [](std::vector<TarEntry> entries) {
    std::string bytes;
    for (const auto& entry : entries) bytes += tar_header(entry);
    return bytes + std::string(1024, '\0');
  };
  TarEntry link;
  link.type = TarEntry::Type::symlink;
  link.path = "l";
  link.target = "../";
  TarEntry through;
  through.type = TarEntry::Type::file;
  through.path = "l/above";
  through.mode = 0644;
  ExtractJob job;
  job.path = "dest";
  job.source = ExtractJob::Source::archive;
  must(copy.extract(tar({link, through}), job));
  CHECK(copy.read("to/above") == "a");
  CHECK(copy.read("to/dest/above").empty());
  through.path = "../above";
  const auto refused = copy.extract(tar({through}), job);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::corrupt);
  CHECK(copy.read("to/above") == "a");
  const auto text = copy.extract("no archive at all", job);
  REQUIRE_FALSE(text);
  CHECK(text.error().message() == "source must be a (compressed) tar archive when copying from stdin");
  job.path = "dest/keep";
  const auto file = copy.extract(tar({link}), job);
  REQUIRE_FALSE(file);
  CHECK(file.error().message() == "destination must be a directory when copying from stdin");
}

TEST_CASE("layers are archived as what they show together, a layer alone with whiteouts") {
  Copy copy;
  copy.file("from/low/a", "low");
  copy.file("from/low/d/x", "x");
  copy.file("from/low/o/hidden", "h");
  copy.file("from/top/a", "upper");
  copy.file("from/top/d/.wh.x", "");
  copy.file("from/top/o/.wh..wh..opq", "");
  copy.file("from/top/o/new", "n");
  const auto open = [&](const char* name) { return must(Dir::open(copy.path(name))); };
  std::vector<Dir> layers;
  layers.push_back(open("from/top"));
  layers.push_back(open("from/low"));
  CHECK(list_tar(copy.written([&](int fd) { return archive_layers(layers, {}, fd); })) ==
        std::vector<std::string>{"f a 5", "d d/", "d o/", "f o/new 1"});
  CHECK(list_tar(copy.written([&](int fd) { return archive_changes(layers.front(), {}, fd); })) ==
        std::vector<std::string>{"f a 5", "d d/", "f d/.wh.x", "d o/", "f o/.wh..wh..opq", "f o/new 1"});
  CHECK(list_tar(copy.written([&](int fd) { return archive_changes(layers.front(), {"a", "o"}, fd); })) ==
        std::vector<std::string>{"d d/", "f d/.wh.x"});
}

TEST_CASE("requests of tree workers survive their JSON") {
  ArchiveRequest archive;
  archive.form = ArchiveRequest::Form::layers;
  archive.place = {.root_fd = 5,
                   .is_mounted_away = true,
                   .directory = "/tree",
                   .lower_dirs = {"/a", "/b"},
                   .upper = "/u",
                   .work = "/w",
                   .is_volatile = true,
                   .binds = {{"/host", "/mnt", true}}};
  archive.job = {.path = "/x", .name = "n", .owner = "container c", .skip_unreadable = true};
  archive.left_out = {"etc/hosts"};
  archive.stream_fd = 6;
  archive.answer_fd = 4;
  const auto archive_json = to_json(archive);
  CHECK(must(archive_request_from_json(JsonReader(archive_json, "request"))) == archive);
  ExtractRequest extract;
  extract.place.root_fd = 5;
  extract.job = {.path = "/x",
                 .owner = "the host",
                 .name = "n",
                 .source = ExtractJob::Source::archive,
                 .overwrite = true,
                 .drop_set_id = true,
                 .uid = 33,
                 .gid = std::nullopt,
                 .owners = {.uids = {{0, 1}}, .gids = {{0, 65536}}, .ignore = false}};
  extract.stream_fd = 6;
  extract.answer_fd = 4;
  const auto extract_json = to_json(extract);
  CHECK(must(extract_request_from_json(JsonReader(extract_json, "request"))) == extract);
}
