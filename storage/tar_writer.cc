#include "storage/tar_writer.h"

#include <fmt/format.h>

#include "base/fd.h"
#include "base/text.h"

namespace ctr::storage {
namespace {

// POSIX.1-1988 "ustar Interchange Format": blocks of 512 bytes, records of 20 blocks; where fields lie in a header.
constexpr size_t k_block_bytes = 512;
constexpr size_t k_record_bytes = 20 * k_block_bytes;
struct Field {
  size_t at;
  size_t size;
};
constexpr Field k_name = {0, 100};
constexpr Field k_mode = {100, 8};
constexpr Field k_uid = {108, 8};
constexpr Field k_gid = {116, 8};
constexpr Field k_size = {124, 12};
constexpr Field k_mtime = {136, 12};
constexpr Field k_checksum = {148, 8};
constexpr size_t k_type = 156;
constexpr Field k_link = {157, 100};
constexpr Field k_magic = {257, 8};

char type_letter(TarEntry::Type type) {
  switch (type) {
    case TarEntry::Type::hardlink:
      return '1';
    case TarEntry::Type::symlink:
      return '2';
    case TarEntry::Type::directory:
      return '5';
    case TarEntry::Type::fifo:
      return '6';
    default:
      return '0';
  }
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

class Header {
 public:
  explicit Header(char type) : bytes_(k_block_bytes, '\0') {
    bytes_[k_type] = type;
    put(k_magic, std::string_view("ustar\00000", 8));
  }
  // False when it does not fit; as much as fits is written.
  bool put(Field field, std::string_view text) {
    bytes_.replace(field.at, std::min(field.size, text.size()), text.substr(0, field.size));
    return text.size() <= field.size;
  }
  // Octal digits and a NUL; false when the number has more digits, then it reads 0.
  bool put_number(Field field, uint64_t value) {
    const auto digits = fmt::format("{:0{}o}", value, field.size - 1);
    const bool fits = digits.size() < field.size;
    put(field, fits ? digits : std::string(field.size - 1, '0'));
    return fits;
  }
  std::string take() {
    put(k_checksum, "        ");
    unsigned sum = 0;
    for (const char byte : bytes_) sum += static_cast<unsigned char>(byte);
    put(k_checksum, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

std::string padding(uint64_t size_bytes) {
  return std::string(static_cast<size_t>((k_block_bytes - size_bytes % k_block_bytes) % k_block_bytes), '\0');
}

std::string extended_header(const std::string& records) {
  Header header('x');
  header.put(k_name, "PaxHeader");
  header.put_number(k_mode, 0644);
  header.put_number(k_uid, 0);
  header.put_number(k_gid, 0);
  header.put_number(k_size, records.size());
  header.put_number(k_mtime, 0);
  return header.take() + records + padding(records.size());
}

}  // namespace

std::string tar_header(const TarEntry& entry) {
  Header header(type_letter(entry.type));
  std::string extended;
  const auto number = [&](Field field, const char* key, uint64_t value) {
    if (!header.put_number(field, value)) extended += pax_record(key, std::to_string(value));
  };
  if (!header.put(k_name, entry.path)) extended += pax_record("path", entry.path);
  if (!header.put(k_link, entry.target)) extended += pax_record("linkpath", entry.target);
  header.put_number(k_mode, entry.mode & 07777);
  number(k_uid, "uid", static_cast<uint64_t>(entry.uid));
  number(k_gid, "gid", static_cast<uint64_t>(entry.gid));
  number(k_size, "size", entry.type == TarEntry::Type::file ? entry.size_bytes : 0);
  const bool is_early = entry.mtime_seconds < 0;
  const bool fits = header.put_number(k_mtime, is_early ? 0 : static_cast<uint64_t>(entry.mtime_seconds));
  // Readers disagree about which way a fraction counts before 1970: there, whole seconds are kept.
  if (is_early || (!fits && entry.mtime_nanoseconds == 0)) {
    extended += pax_record("mtime", std::to_string(entry.mtime_seconds));
  } else if (entry.mtime_nanoseconds != 0) {
    extended += pax_record("mtime", fmt::format("{}.{:09}", entry.mtime_seconds, entry.mtime_nanoseconds));
  }
  for (const auto& xattr : entry.xattrs) extended += pax_record("SCHILY.xattr." + xattr.name, xattr.value);
  auto bytes = header.take();
  return extended.empty() ? bytes : extended_header(extended) + bytes;
}

Result<void> TarWriter::write(std::string_view bytes) {
  written_ += bytes.size();
  return write_all(fd_, bytes, "the archive");
}

Result<void> TarWriter::begin(const TarEntry& entry) {
  CTR_ASSERT(left_bytes_ == 0);
  if (entry.type == TarEntry::Type::device || entry.type == TarEntry::Type::other) {
    return Error(Errc::unsupported, "'" + printable(entry.path) + "' has a type that is not put into archives");
  }
  if (entry.type == TarEntry::Type::file) left_bytes_ = entry.size_bytes;
  return write(tar_header(entry));
}

Result<void> TarWriter::content(std::string_view bytes) {
  CTR_ASSERT(bytes.size() <= left_bytes_);
  left_bytes_ -= bytes.size();
  TRY(write(bytes));
  return left_bytes_ == 0 ? write(padding(written_)) : ok();
}

Result<void> TarWriter::finish() {
  CTR_ASSERT(left_bytes_ == 0);
  TRY(write(std::string(2 * k_block_bytes, '\0')));
  return write(std::string(static_cast<size_t>((k_record_bytes - written_ % k_record_bytes) % k_record_bytes), '\0'));
}

}  // namespace ctr::storage
