#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "storage/archive_index.h"
#include "storage/archive_pack.h"
#include "storage/spool.h"
#include "tests/unit/storage/support.h"

namespace ctr::storage {

using testing::must;
using testing::TarBuilder;
using testing::TarHeader;
using testing::TempDir;

namespace {

std::string make_tar(const std::vector<TarHeader>& headers) {
  TarBuilder tar;
  for (const auto& header : headers) tar.add(header);
  return tar.finish();
}

// An open file with this content, read from its start.
Fd file_of(const TempDir& temp, std::string_view content) {
  Fd fd = must(make_spool(temp.dir()));
  must(write_all(fd.get(), content, "a test file"));
  REQUIRE(::lseek(fd.get(), 0, SEEK_SET) == 0);
  return fd;
}

std::string content_of(int fd, const ArchiveMember& member) {
  std::string content(member.size_bytes, '\0');
  REQUIRE(::pread(fd, content.data(), content.size(), static_cast<off_t>(member.offset)) ==
          static_cast<ssize_t>(content.size()));
  return content;
}

std::string refusal(const TempDir& temp, const std::vector<TarHeader>& headers, const ArchiveLimits& limits = {}) {
  const Fd file = file_of(temp, make_tar(headers));
  const auto listing = index_archive(file.get(), -1, limits);
  return listing ? "accepted" : listing.error().text();
}

// blobs/sha256 with the given content.
Digest put_blob(const Dir& blobs, std::string_view content) {
  const auto digest = digest_of(content);
  const Dir dir = must(blobs.open_or_make_dir("sha256", 0700));
  must(dir.write_file(digest.hex(), content, Sync::no));
  return digest;
}

}  // namespace

TEST_CASE("the files of an archive are found where they are") {
  TempDir temp;
  const std::string long_name(180, 'n');
  const Fd file = file_of(temp, make_tar({{.name = "./first", .content = "one"},
                                          {.name = "dir/", .type = '5'},
                                          {.name = "short", .content = "pax", .pax = {{"path", "dir/" + long_name}}},
                                          {.name = "dir/empty"},
                                          {.name = "dir/link", .type = '2', .target = "../first"},
                                          {.name = "hard", .type = '1', .target = "./dir/empty"},
                                          {.name = "last", .content = std::string(1000, 'z')}}));
  const auto listing = must(index_archive(file.get(), -1));
  CHECK_FALSE(listing.is_spooled);
  REQUIRE(listing.members.size() == 6);
  CHECK(listing.members[0].path == "first");
  CHECK(content_of(file.get(), listing.members[0]) == "one");
  CHECK(listing.members[1].path == "dir/" + long_name);
  CHECK(content_of(file.get(), listing.members[1]) == "pax");
  CHECK(listing.members[2].size_bytes == 0);
  CHECK(listing.members[3].link == "first");
  CHECK(listing.members[4].link == "dir/empty");
  CHECK(content_of(file.get(), listing.members[5]) == std::string(1000, 'z'));
}

TEST_CASE("an archive from a pipe is spooled") {
  TempDir temp;
  auto pipe = must(make_pipe());
  must(write_all(pipe.write_end.get(), make_tar({{.name = "a", .content = "abc"}}), "the pipe"));
  pipe.write_end.reset();
  const Fd spool = must(make_spool(temp.dir()));
  const auto listing = must(index_archive(pipe.read_end.get(), spool.get()));
  CHECK(listing.is_spooled);
  REQUIRE(listing.members.size() == 1);
  CHECK(content_of(spool.get(), listing.members[0]) == "abc");
}

TEST_CASE("an archive whose names lead elsewhere is refused") {
  TempDir temp;
  CHECK(refusal(temp, {{.name = "../x"}}) == "'../x' in the archive has '..' in its path");
  CHECK(refusal(temp, {{.name = "a/../b"}}) == "'a/../b' in the archive has '..' in its path");
  CHECK(refusal(temp, {{.name = "/x"}}) == "'/x' in the archive has an absolute path");
  CHECK(refusal(temp, {{.name = "x", .type = '2', .target = "/y"}}) == "'x' in the archive has an absolute path");
  CHECK(refusal(temp, {{.name = "a/x", .type = '2', .target = "../../y"}}) ==
        "'a/x' in the archive leads out of it with '..'");
  CHECK(refusal(temp, {{.name = "x", .type = '1', .target = "../y"}}) ==
        "'x' in the archive leads out of it with '..'");
  CHECK(refusal(temp, {{.name = "x", .type = '3'}}) == "'x' in the archive is neither a file, a directory nor a link");
  CHECK(refusal(temp, {{.name = "x", .type = '6'}}) == "'x' in the archive is neither a file, a directory nor a link");
  CHECK(refusal(temp, {{.name = "x"}, {.name = "./x"}}) == "'x' in the archive is there twice");
}

TEST_CASE("limits of an archive are kept") {
  TempDir temp;
  const std::vector<TarHeader> two = {{.name = "a"}, {.name = "b"}};
  CHECK(refusal(temp, two, {.members = 2}) == "accepted");
  CHECK(refusal(temp, two, {.members = 1}) == "the archive has more entries than the limit of 1");
  CHECK(refusal(temp, {{.name = "longer"}}, {.path_bytes = 5}) ==
        "paths in the archive are longer than the limit of 5 bytes each and 8388608 bytes together");
  CHECK(refusal(temp, two, {.name_bytes = 1}) ==
        "paths in the archive are longer than the limit of 4096 bytes each and 1 bytes together");
}

TEST_CASE("a file that ends behind the archive is refused") {
  TempDir temp;
  CHECK(refusal(temp, {{.name = "x", .content = "abc", .stated_size = 1 << 20}}) == "'x' in the archive is cut off");
}

TEST_CASE("what is packed is what the plan says") {
  TempDir temp;
  const std::string stored(100'000, 's');
  const auto blob = put_blob(temp.dir(), stored);
  const auto gzipped = put_blob(temp.dir(), testing::gzip("plain text"));
  const PackPlan plan = {text_member("text", "words"), blob_member("blobs/one", blob, stored.size()),
                         decompressed_member("plain", gzipped, 10, digest_of("plain text"))};
  const Fd out = must(make_spool(temp.dir()));
  must(pack_archive(plan, temp.dir(), out.get()));
  const auto members = must(index_archive(out.get(), -1)).members;
  REQUIRE(members.size() == 3);
  CHECK(content_of(out.get(), members[0]) == "words");
  CHECK(content_of(out.get(), members[1]) == stored);
  CHECK(content_of(out.get(), members[2]) == "plain text");
  // Whole records of 20 blocks, as tar programs expect.
  CHECK(::lseek(out.get(), 0, SEEK_END) % 10240 == 0);

  const Fd bare = must(make_spool(temp.dir()));
  must(pack_content({plan[2]}, temp.dir(), bare.get()));
  CHECK(::lseek(bare.get(), 0, SEEK_END) == 10);
}

TEST_CASE("a blob that is not what the plan says is an error") {
  TempDir temp;
  const auto blob = put_blob(temp.dir(), "four");
  const Fd out = must(make_spool(temp.dir()));
  const auto text_of = [&](const PackMember& member) {
    const auto packed = pack_archive({member}, temp.dir(), out.get());
    return packed ? "packed" : packed.error().text();
  };
  const auto what = "blob " + blob.to_string() + ": ";
  CHECK(text_of(blob_member("x", blob, 5)) == what + "a blob has 4 bytes instead of 5");
  CHECK(text_of(decompressed_member("x", blob, 9, blob)) == what + "it has 4 uncompressed bytes instead of 9");
  CHECK(text_of(decompressed_member("x", blob, 4, digest_of("else"))) ==
        what + "its uncompressed digest is " + blob.to_string() + " instead of " + digest_of("else").to_string());
}

TEST_CASE("the header of a file is ustar, and GNU's from 8 GiB on") {
  const auto small = tar_file_header("name", 5);
  REQUIRE(small.size() == 512);
  CHECK(small.substr(0, 5) == std::string("name\0", 5));
  CHECK(small.substr(124, 12) == std::string("00000000005\0", 12));
  CHECK(small.substr(257, 8) == std::string("ustar\00000", 8));
  const auto large = tar_file_header("name", uint64_t{8} << 30);
  CHECK(large.substr(124, 12) == std::string("\x80\0\0\0\0\0\0\x02\0\0\0\0", 12));
}

TEST_CASE("a file that is called by a sha512 digest keeps its whole name") {
  TempDir temp;
  // Lengths of the record around a change in its number of digits, and that of a blob: blobs/sha512/<128 digits>.
  for (const size_t length : {100, 101, 141, 988, 989, 990}) {
    const auto path = "blobs/" + std::string(length - 6, 'a');
    const Fd out = must(make_spool(temp.dir()));
    must(pack_archive({text_member(path, "long"), text_member("next", "words")}, temp.dir(), out.get()));
    const auto members = must(index_archive(out.get(), -1)).members;
    REQUIRE(members.size() == 2);
    CHECK(members[0].path == path);
    CHECK(content_of(out.get(), members[0]) == "long");
    CHECK(content_of(out.get(), members[1]) == "words");
  }
}

TEST_CASE("requests and answers of the archive workers survive the way") {
  const PackRequest pack{.blobs_fd = 5,
                         .output_fd = 6,
                         .answer_fd = 4,
                         .form = PackForm::content,
                         .plan = {text_member("a", "b"), blob_member("c", digest_of("d"), 1),
                                  decompressed_member("e", digest_of("f"), 2, digest_of("g"))}};
  const auto again = must(pack_request_from_json(JsonReader(to_json(pack), "request")));
  CHECK(again.plan == pack.plan);
  CHECK(again.form == PackForm::content);
  const Result<ArchiveListing> listing(ArchiveListing{true, {{"path", "link", 1, 2}}});
  const auto answered = must(index_answer_from_json(to_json(listing)));
  CHECK(answered.is_spooled);
  CHECK(answered.members == listing->members);
}

}  // namespace ctr::storage
