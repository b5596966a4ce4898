#include "tests/unit/storage/support.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/digest.h"

namespace ctr::storage::testing {
namespace {

constexpr size_t k_block = 512;

void put_octal(std::string& header, size_t at, size_t width, uint64_t value) {
  if (value < (uint64_t{1} << (3 * (width - 1)))) {
    for (size_t i = width - 1; i-- > 0; value >>= 3) header[at + i] = static_cast<char>('0' + (value & 7));
    return;
  }
  // GNU base-256: the first byte says so.
  for (size_t i = width; i-- > 1; value >>= 8) header[at + i] = static_cast<char>(value & 0xff);
  header[at] = static_cast<char>(0x80);
}

void put_text(std::string& header, size_t at, size_t width, std::string_view text) {
  std::copy_n(text.begin(), std::min(width, text.size()), header.begin() + static_cast<ptrdiff_t>(at));
}

std::string make_block(const TarHeader& entry, uint64_t size) {
  std::string header(k_block, '\0');
  put_text(header, 0, 100, entry.name);
  put_octal(header, 100, 8, entry.mode);
  put_octal(header, 108, 8, entry.uid);
  put_octal(header, 116, 8, entry.gid);
  put_octal(header, 124, 12, size);
  put_octal(header, 136, 12, static_cast<uint64_t>(entry.mtime));
  put_text(header, 148, 8, "        ");
  header[156] = entry.type;
  put_text(header, 157, 100, entry.target);
  put_text(header, 257, 8, std::string_view("ustar\00000", 8));
  put_octal(header, 329, 8, entry.device_major);
  put_octal(header, 337, 8, entry.device_minor);
  uint64_t sum = 0;
  for (char c : header) sum += static_cast<unsigned char>(c);
  put_octal(header, 148, 7, sum);
  header[155] = ' ';
  return header;
}

std::string padded(std::string_view content) {
  std::string text(content);
  text.resize((text.size() + k_block - 1) / k_block * k_block, '\0');
  return text;
}

}  // namespace

TempDir::TempDir(std::string base) {
  const char* usual = std::getenv("TMPDIR");
  if (base.empty()) base = usual == nullptr ? "/tmp" : usual;
  path_ = base + "/ctr-storage-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) FAIL("mkdtemp: " << std::strerror(errno));
  dir_ = must(Dir::open(path_));
}

TempDir::~TempDir() {
  auto parent = Dir::open(path_.substr(0, path_.rfind('/')));
  if (parent) remove_tree(*parent, path_.substr(path_.rfind('/') + 1)).ignore("a temporary directory");
}

UserPaths paths_below(const std::string& path) {
  UserPaths paths;
  paths.home = path;
  paths.data_home = path + "/data";
  paths.store = path + "/data/ctr";
  paths.runtime_dir = path + "/run";
  paths.run = path + "/run/ctr";
  return paths;
}

std::string pax_record(std::string_view key, std::string_view value) {
  size_t length = key.size() + value.size() + 3;
  size_t digits = 1;
  while (std::to_string(length + digits).size() != digits) ++digits;
  return std::to_string(length + digits) + " " + std::string(key) + "=" + std::string(value) + "\n";
}

TarBuilder& TarBuilder::add(const TarHeader& entry) {
  if (!entry.pax.empty()) {
    std::string records;
    for (const auto& [key, value] : entry.pax) records += pax_record(key, value);
    TarHeader extended;
    extended.name = "PaxHeaders/x";
    extended.type = 'x';
    bytes_ += make_block(extended, records.size()) + padded(records);
  }
  uint64_t size = entry.stated_size >= 0 ? static_cast<uint64_t>(entry.stated_size) : entry.content.size();
  bytes_ += make_block(entry, size) + padded(entry.content);
  return *this;
}

TarBuilder& TarBuilder::dir(std::string name, uint32_t mode) {
  TarHeader entry;
  entry.name = std::move(name);
  entry.type = '5';
  entry.mode = mode;
  return add(entry);
}

TarBuilder& TarBuilder::file(std::string name, std::string content) {
  TarHeader entry;
  entry.name = std::move(name);
  entry.content = std::move(content);
  return add(entry);
}

TarBuilder& TarBuilder::link(std::string name, std::string target) {
  TarHeader entry;
  entry.name = std::move(name);
  entry.type = '2';
  entry.target = std::move(target);
  return add(entry);
}

TarBuilder& TarBuilder::hard_link(std::string name, std::string target) {
  TarHeader entry;
  entry.name = std::move(name);
  entry.type = '1';
  entry.target = std::move(target);
  return add(entry);
}

TarBuilder& TarBuilder::raw(std::string_view bytes) {
  bytes_ += bytes;
  return *this;
}

std::string TarBuilder::finish() const { return bytes_ + std::string(2 * k_block, '\0'); }

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  REQUIRE(::deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(::deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  (void)::deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3);
  REQUIRE(ZSTD_isError(size) == 0);
  out.resize(size);
  return out;
}

Result<size_t> StringSource::read(void* buffer, size_t size) {
  size_t count = std::min({size, piece_, bytes_.size() - offset_});
  std::memcpy(buffer, bytes_.data() + offset_, count);
  offset_ += count;
  return count;
}

UnpackOptions own_files() {
  UnpackOptions options;
  options.owners.ignore = true;
  return options;
}

Result<UnpackedLayer> unpack(const std::string& tar, const Dir& target, const UnpackOptions& options) {
  StringSource source(tar);
  return unpack_layer(source, target, options);
}

struct stat must_stat(const Dir& dir, const std::string& name) {
  struct stat info{};
  if (name == ".") {
    REQUIRE(::fstat(dir.fd(), &info) == 0);
    return info;
  }
  auto found = must(dir.find(name));
  if (!found) FAIL("'" << name << "' is missing");
  return *found;
}

bool is_whiteout(const Dir& dir, const std::string& name) {
  auto found = must(dir.find(name));
  return found && S_ISCHR(found->st_mode) && found->st_rdev == makedev(0, 0);
}

bool is_opaque(const Dir& dir, const std::string& name) {
  Dir opened = must(dir.open_dir(name));
  char value = 0;
  return ::fgetxattr(opened.fd(), "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

}  // namespace ctr::storage::testing
