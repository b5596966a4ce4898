#include "storage/layer_pack.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/child.h"
#include "base/file.h"
#include "storage/inflate.h"
#include "storage/layer_stream.h"
#include "tests/catch.h"
#include "tests/unit/storage/support.h"

namespace ctr::storage {
using testing::must;
using testing::TempDir;

namespace {

struct Packed {
  PackedLayer layer;
  std::string blob;
};

Packed pack(const TempDir& temp, std::string_view content, const LayerCompression& compression = {}) {
  const auto input_path = temp.path() + "/tar";
  const auto output_path = temp.path() + "/blob";
  const Fd input = must(open_path(input_path, O_RDWR | O_CREAT | O_TRUNC, 0600));
  must(write_all(input.get(), content, "the tar"));
  REQUIRE(::lseek(input.get(), 0, SEEK_SET) == 0);
  const Fd output = must(open_path(output_path, O_RDWR | O_CREAT | O_TRUNC, 0600));
  const auto layer = must(pack_layer(input.get(), output.get(), {}, compression));
  return {layer, must(read_file(output_path, size_t{64} << 20))};
}

std::string unpack(const std::string& blob, const TempDir& temp) {
  const auto path = temp.path() + "/again";
  const Fd file = must(open_path(path, O_RDWR | O_CREAT | O_TRUNC, 0600));
  must(write_all(file.get(), blob, "the blob"));
  REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
  FileSource source(file.get());
  LayerStream stream(source, uint64_t{1} << 30);
  std::string content;
  while (true) {
    const auto bytes = must(stream.next());
    if (bytes.empty()) return content;
    content += bytes;
  }
}

}  // namespace

TEST_CASE("a layer is packed with the format and the level that are asked for") {
  using Format = LayerCompression::Format;
  const TempDir temp;
  std::string content;
  for (int i = 0; i < 60'000; ++i) content += std::to_string(i * 7919 % 4093) + " ";
  const auto plain = pack(temp, content);
  for (const auto& compression :
       {LayerCompression{Format::gzip, 1}, {Format::gzip, 9}, {Format::zstd, {}}, {Format::zstd, 19}}) {
    const auto packed = pack(temp, content, compression);
    CHECK(packed.layer.diff_id == digest_of(content));
    CHECK(packed.layer.blob == digest_of(packed.blob));
    CHECK(packed.layer.size_bytes == packed.blob.size());
    CHECK(packed.blob.starts_with(compression.format == Format::zstd ? "\x28\xb5\x2f\xfd" : "\x1f\x8b"));
    CHECK(unpack(packed.blob, temp) == content);
  }
  CHECK(pack(temp, content, {Format::zstd, 19}).blob.size() < pack(temp, content, {Format::zstd, 1}).blob.size());
  CHECK(pack(temp, content).blob == plain.blob);
}

TEST_CASE("the blob of a layer is gzip, and both digests are right") {
  const TempDir temp;
  std::string content(3'000'000, '\0');
  uint32_t state = 1;
  for (size_t i = 0; i < content.size(); ++i) {
    state = state * 1664525 + 1013904223;
    content[i] = static_cast<char>(i % 5 == 0 ? state >> 24 : i >> 12);
  }
  for (const auto size : std::array<size_t, 4>{0, 1, 1024, content.size()}) {
    const auto packed = pack(temp, content.substr(0, size));
    CHECK(packed.blob.substr(0, 2) == "\x1f\x8b");
    CHECK(packed.layer.blob == digest_of(packed.blob));
    CHECK(packed.layer.size_bytes == packed.blob.size());
    CHECK(packed.layer.diff_id == digest_of(content.substr(0, size)));
    CHECK(unpack(packed.blob, temp) == content.substr(0, size));
    CHECK(pack(temp, content.substr(0, size)).blob == packed.blob);
  }
}

TEST_CASE("the compression of an archive is taken away, and an empty one is refused") {
  const TempDir temp;
  const std::string content(100'000, 'c');
  const auto inflate = [&](const std::string& bytes) {
    const Fd input = must(open_path(temp.path() + "/in", O_RDWR | O_CREAT | O_TRUNC, 0600));
    must(write_all(input.get(), bytes, "the archive"));
    REQUIRE(::lseek(input.get(), 0, SEEK_SET) == 0);
    const Fd output = must(open_path(temp.path() + "/out", O_RDWR | O_CREAT | O_TRUNC, 0600));
    return inflate_stream(input.get(), output.get());
  };
  for (const auto& bytes : {content, pack(temp, content).blob}) {
    must(inflate(bytes));
    CHECK(must(read_file(temp.path() + "/out", size_t{1} << 20)) == content);
  }
  const auto empty = inflate("");
  REQUIRE_FALSE(empty);
  CHECK(empty.error().code() == Errc::invalid);
  CHECK_FALSE(inflate(pack(temp, content).blob.substr(0, 50)));
}

TEST_CASE("an archive may be compressed with xz or bzip2, in one piece or several, and a damaged one is refused") {
  const TempDir temp;
  const std::string content(100'000, 'c');
  must(create_file(temp.path() + "/plain", content));
  for (const std::string tool : {"xz", "bzip2"}) {
    const auto packed =
        must(run_program({.program = "/bin/sh",
                          .argv = {"sh", "-c",
                                   tool + " -c " + temp.path() + "/plain; " + tool + " -c " + temp.path() + "/plain"},
                          .env = {"PATH=/usr/bin:/bin"}},
                         "", std::chrono::seconds(10)))
            .out;
    const auto inflate = [&](const std::string& bytes) -> Result<std::string> {
      const Fd input = must(open_path(temp.path() + "/in", O_RDWR | O_CREAT | O_TRUNC, 0600));
      must(write_all(input.get(), bytes, "the archive"));
      REQUIRE(::lseek(input.get(), 0, SEEK_SET) == 0);
      const Fd output = must(open_path(temp.path() + "/out", O_RDWR | O_CREAT | O_TRUNC, 0600));
      TRY(inflate_stream(input.get(), output.get()));
      return read_file(temp.path() + "/out", size_t{1} << 20);
    };
    CHECK(must(inflate(packed)) == content + content);
    const auto cut = inflate(packed.substr(0, 40));
    REQUIRE_FALSE(cut);
    CHECK(cut.error().code() == Errc::corrupt);
  }
}

TEST_CASE("packing a layer ends when the user wants it") {
  auto pipe = must(make_pipe());
  const TempDir temp;
  const Fd output = must(open_path(temp.path() + "/blob", O_RDWR | O_CREAT, 0600));
  auto request = must(make_pipe());
  must(write_all(request.write_end.get(), "x", "the request"));
  const auto packed = pack_layer(pipe.read_end.get(), output.get(), CancelToken(request.read_end.get()));
  REQUIRE_FALSE(packed);
  CHECK(packed.error().code() == Errc::interrupted);
}

}  // namespace ctr::storage
