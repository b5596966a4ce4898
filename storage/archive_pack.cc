#include "storage/archive_pack.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "base/text.h"
#include "storage/layer_stream.h"

namespace ctr::storage {
namespace {

// POSIX.1-1988 "ustar Interchange Format": blocks of 512 bytes, records of 20 blocks.
constexpr size_t k_block_bytes = 512;
constexpr size_t k_record_bytes = 20 * k_block_bytes;
constexpr uint64_t k_largest_octal_size = 077777777777;
// Large enough that the number of system calls does not matter, small enough for the processor's caches.
constexpr size_t k_copy_bytes = size_t{256} << 10;

// A header as fields, in the order of the standard.
struct Header {
  std::array<char, 100> name{};
  std::array<char, 8> mode{};
  std::array<char, 8> uid{};
  std::array<char, 8> gid{};
  std::array<char, 12> size{};
  std::array<char, 12> mtime{};
  std::array<char, 8> checksum{};
  char type = '0';
  std::array<char, 100> link{};
  std::array<char, 8> magic = {'u', 's', 't', 'a', 'r', '\0', '0', '0'};
  std::array<char, 32> user{};
  std::array<char, 32> group{};
  std::array<char, 8> major{};
  std::array<char, 8> minor{};
  std::array<char, 155> prefix{};
  std::array<char, 12> padding{};
};
static_assert(sizeof(Header) == k_block_bytes);

template <size_t n>
void put(std::array<char, n>& field, std::string_view text) {
  CTR_ASSERT(text.size() <= n);
  std::copy(text.begin(), text.end(), field.begin());
}

// GNU tar's base-256 numbers: the top bit, then the number, big end first.
void put_large(std::array<char, 12>& field, uint64_t value) {
  for (size_t i = field.size(); i > 1; --i, value >>= 8) field[i - 1] = static_cast<char>(value & 0xff);
  field[0] = static_cast<char>(0x80);
}

// The bytes that fill the last block.
size_t padding_of(uint64_t size_bytes) {
  return static_cast<size_t>((k_block_bytes - size_bytes % k_block_bytes) % k_block_bytes);
}

class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}

  Result<void> write(std::string_view bytes) {
    written_ += bytes.size();
    return write_all(fd_, bytes, "the archive");
  }
  Result<void> fill(size_t count) { return write(std::string(count, '\0')); }
  // Two empty blocks, then whole records.
  Result<void> finish() {
    TRY(fill(2 * k_block_bytes));
    return fill(static_cast<size_t>((k_record_bytes - written_ % k_record_bytes) % k_record_bytes));
  }

  // Takes `size_bytes` from the start of `fd`: by the kernel between files, through memory otherwise.
  Result<void> copy(int fd, uint64_t size_bytes) {
    off64_t offset = 0;
    while (in_kernel_ && static_cast<uint64_t>(offset) < size_bytes) {
      const size_t wanted = std::min<uint64_t>(size_bytes - static_cast<uint64_t>(offset), size_t{1} << 30);
      const ssize_t got = ::copy_file_range(fd, &offset, fd_, nullptr, wanted, 0);
      if (got > 0 || (got < 0 && errno == EINTR)) continue;
      if (got < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
        return Error::from_errno("write the archive");
      // A pipe, an output opened for appending, another kind of file system.
      in_kernel_ = false;
    }
    std::vector<char> buffer(in_kernel_ ? 0 : k_copy_bytes);
    while (!in_kernel_) {
      const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error::from_errno("read a blob");
      if (got == 0) break;
      TRY(write_all(fd_, {buffer.data(), static_cast<size_t>(got)}, "the archive"));
      offset += got;
    }
    if (static_cast<uint64_t>(offset) != size_bytes) {
      return Error(Errc::corrupt, fmt::format("a blob has {} bytes instead of {}", offset, size_bytes));
    }
    written_ += size_bytes;
    return ok();
  }

 private:
  int fd_;
  bool in_kernel_ = true;
  uint64_t written_ = 0;
};

Result<void> write_decompressed(const PackMember& member, int blob_fd, Output& output) {
  FileSource source(blob_fd);
  LayerStream stream(source, member.size_bytes);
  while (true) {
    const auto bytes = TRY(stream.next());
    if (bytes.empty()) break;
    TRY(output.write(bytes));
  }
  if (stream.size_bytes() != member.size_bytes) {
    return Error(Errc::corrupt,
                 fmt::format("it has {} uncompressed bytes instead of {}", stream.size_bytes(), member.size_bytes));
  }
  const Digest digest = TRY(stream.finish());
  if (member.digest && digest != *member.digest) {
    return Error(Errc::corrupt,
                 "its uncompressed digest is " + digest.to_string() + " instead of " + member.digest->to_string());
  }
  return ok();
}

Result<void> write_content(const PackMember& member, const Dir& blobs, Output& output) {
  if (member.content == PackMember::Content::text) return output.write(member.text);
  const Digest& digest = *member.blob;
  const Fd blob = TRY(blobs.open_file(fmt::format("{}/{}", digest.algorithm_name(), digest.hex()), O_RDONLY));
  auto written = member.content == PackMember::Content::blob ? output.copy(blob.get(), member.size_bytes)
                                                             : write_decompressed(member, blob.get(), output);
  // A full disk or a reader that went away has nothing to do with the blob.
  if (written || written.error().code() != Errc::corrupt) return written;
  return std::move(written).context("blob " + digest.to_string());
}

// Programs that unpack as a normal user want directories to be named: those that they make on their own they give to
// root.
Result<void> write_directories(const std::string& path, std::set<std::string>& made, Output& output) {
  for (size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string directory = path.substr(0, at + 1);
    if (made.insert(directory).second) TRY(output.write(tar_directory_header(directory)));
  }
  return ok();
}

// A record of an extended header: its own length in decimal digits counts those digits, too.
std::string pax_record(std::string_view key, std::string_view value) {
  const auto rest = fmt::format(" {}={}\n", key, value);
  size_t length = rest.size();
  while (fmt::formatted_size("{}", length) + rest.size() != length) {
    length = fmt::formatted_size("{}", length) + rest.size();
  }
  return fmt::format("{}{}", length, rest);
}

std::string finish_header(Header& header) {
  put(header.uid, "0000000");
  put(header.gid, "0000000");
  put(header.mtime, "00000000000");
  // The checksum is the sum of all bytes with its own field as blanks.
  header.checksum.fill(' ');
  std::string bytes(sizeof header, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  unsigned sum = 0;
  for (const char byte : bytes) sum += static_cast<unsigned char>(byte);
  const auto digits = fmt::format("{:06o}", sum);
  bytes.replace(offsetof(Header, checksum), 8, digits + std::string("\0 ", 2));
  return bytes;
}

}  // namespace

PackMember text_member(std::string path, std::string text) {
  const uint64_t size = text.size();
  return {.path = std::move(path),
          .content = PackMember::Content::text,
          .text = std::move(text),
          .blob = {},
          .size_bytes = size,
          .digest = {}};
}

PackMember blob_member(std::string path, const Digest& blob, uint64_t size_bytes) {
  return {.path = std::move(path),
          .content = PackMember::Content::blob,
          .text = {},
          .blob = blob,
          .size_bytes = size_bytes,
          .digest = {}};
}

PackMember decompressed_member(std::string path, const Digest& blob, uint64_t size_bytes, const Digest& digest) {
  return {.path = std::move(path),
          .content = PackMember::Content::decompressed_blob,
          .text = {},
          .blob = blob,
          .size_bytes = size_bytes,
          .digest = digest};
}

std::string tar_file_header(std::string_view path, uint64_t size_bytes) {
  Header header;
  std::string extended;
  if (path.size() > header.name.size()) {
    const auto record = pax_record("path", path);
    Header before;
    before.type = 'x';
    put(before.name, "PaxHeader");
    put(before.mode, "0000444");
    put(before.size, fmt::format("{:011o}", record.size()));
    extended = finish_header(before) + record + std::string(padding_of(record.size()), '\0');
  }
  put(header.name, path.substr(0, header.name.size()));
  put(header.mode, "0000444");
  if (size_bytes <= k_largest_octal_size) {
    put(header.size, fmt::format("{:011o}", size_bytes));
  } else {
    put_large(header.size, size_bytes);
  }
  return extended + finish_header(header);
}

std::string tar_directory_header(std::string_view path) {
  Header header;
  header.type = '5';
  put(header.name, path);
  put(header.mode, "0000755");
  put(header.size, "00000000000");
  return finish_header(header);
}

Result<void> pack_archive(const PackPlan& plan, const Dir& blobs, int output_fd) {
  Output output(output_fd);
  std::set<std::string> directories;
  for (const auto& member : plan) {
    TRY(write_directories(member.path, directories, output));
    TRY(output.write(tar_file_header(member.path, member.size_bytes)));
    TRY(write_content(member, blobs, output));
    TRY(output.fill(padding_of(member.size_bytes)));
  }
  return output.finish();
}

Result<void> pack_content(const PackPlan& plan, const Dir& blobs, int output_fd) {
  Output output(output_fd);
  for (const auto& member : plan) TRY(write_content(member, blobs, output));
  return ok();
}

}  // namespace ctr::storage
