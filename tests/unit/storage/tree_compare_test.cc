#include "storage/tree_compare.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/catch.h"
#include "tests/temporary_dir.h"

namespace ctr::storage {
namespace {

// A small layer; equal ones are equal in every time.
void make_layer(const std::string& root) {
  const auto dir = Dir::open_or_make(root + "/etc/deep", 0755);
  REQUIRE(dir);
  REQUIRE(create_file(root + "/etc/passwd", "root:x:0:0\n"));
  REQUIRE(create_file(root + "/etc/deep/file", std::string(300'000, 'a')));
  REQUIRE(::symlink("passwd", (root + "/etc/link").c_str()) == 0);
  const timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 5}};
  for (const char* name : {"/etc/passwd", "/etc/deep/file"}) {
    REQUIRE(::utimensat(AT_FDCWD, (root + name).c_str(), times, 0) == 0);
  }
}

// What `change` of a copy looks like.
template <typename Change>
std::string difference_after(Change change) {
  const test::TemporaryDir dir;
  const auto one = dir.path() + "/one";
  const auto other = dir.path() + "/other";
  make_layer(one);
  make_layer(other);
  change(other);
  const auto found = first_difference(Dir::open(one).value(), Dir::open(other).value());
  REQUIRE(found);
  return found->value_or("");
}

void put(const std::string& path, off_t offset, std::string_view bytes) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  const auto file = open_path(path, O_WRONLY);
  REQUIRE(file);
  REQUIRE(::pwrite(file->get(), bytes.data(), bytes.size(), offset) == static_cast<ssize_t>(bytes.size()));
  const timespec times[2] = {status.st_atim, status.st_mtim};
  REQUIRE(::futimens(file->get(), times) == 0);
}

}  // namespace

TEST_CASE("equal layers have no difference") {
  CHECK(difference_after([](const std::string&) {}).empty());
}

TEST_CASE("one changed byte is found, wherever it is and whatever the times say") {
  CHECK(difference_after([](const std::string& root) { put(root + "/etc/deep/file", 299'999, "b"); }) ==
        "/etc/deep/file: content");
  CHECK(difference_after([](const std::string& root) { put(root + "/etc/passwd", 0, "R"); }) == "/etc/passwd: content");
}

TEST_CASE("what else differs is named") {
  CHECK(difference_after([](const std::string& root) { ::unlink((root + "/etc/passwd").c_str()); }) ==
        "/etc/passwd: is missing");
  CHECK(difference_after([](const std::string& root) { (void)create_file(root + "/etc/new", ""); }) ==
        "/etc/new: does not belong there");
  CHECK(difference_after([](const std::string& root) { ::chmod((root + "/etc/passwd").c_str(), 0600); }) ==
        "/etc/passwd: mode");
  CHECK(difference_after([](const std::string& root) {
          REQUIRE(::truncate((root + "/etc/deep/file").c_str(), 1) == 0);
        }) == "/etc/deep/file: size");
  CHECK(difference_after([](const std::string& root) {
          ::unlink((root + "/etc/link").c_str());
          REQUIRE(::symlink("shadow", (root + "/etc/link").c_str()) == 0);
        }) == "/etc/link: link target");
  CHECK(difference_after([](const std::string& root) {
          ::unlink((root + "/etc/link").c_str());
          REQUIRE(::mkdir((root + "/etc/link").c_str(), 0755) == 0);
        }) == "/etc/link: type");
  CHECK(difference_after([](const std::string& root) {
          const timespec times[2] = {{1, 0}, {1, 0}};
          REQUIRE(::utimensat(AT_FDCWD, (root + "/etc/passwd").c_str(), times, 0) == 0);
        }) == "/etc/passwd: time of change");
}

TEST_CASE("the request and the answer of the worker are the same after they were sent") {
  const CompareRequest request{.one_fd = 5, .other_fd = 6, .answer_fd = 4};
  const auto json = to_json(request);
  CHECK(compare_request_from_json(JsonReader(json, "request")).value() == request);
  CHECK(compare_answer_from_json(Json::object().set("difference", "/a: mode")).value() == "/a: mode");
  CHECK_FALSE(compare_answer_from_json(Json::object().set("difference", Json())).value());
}

}  // namespace ctr::storage
