#include "base/record_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>

namespace ctr {

Result<std::string> read_record_file(const Dir& dir, std::string_view name) {
  const Fd fd = TRY(dir.open_file(name, O_RDONLY));
  std::array<char, 8192> chunk;
  const ssize_t count = ::read(fd.get(), chunk.data(), chunk.size());
  if (count > 0 && chunk[static_cast<size_t>(count) - 1] == '\n')
    return std::string(chunk.data(), static_cast<size_t>(count));
  // A longer one, or an interrupted read, or an old file without the newline.
  if (::lseek(fd.get(), 0, SEEK_SET) < 0)
    return Error::from_errno("rewind '" + dir.path() + "/" + std::string(name) + "'");
  return read_all(fd.get(), size_t{4} << 20, "'" + dir.path() + "/" + std::string(name) + "'");
}

Result<void> expect_schema(const JsonReader& reader, int64_t latest) {
  TRY(reader.expect_object());
  const auto schema = TRY(reader.get_int("schema"));
  if (schema <= latest) return ok();
  return Error(Errc::unsupported,
               fmt::format("'{}' has schema {}, this ctr reads up to {}", reader.path(), schema, latest))
      .with_hint("use the version of ctr that made it, or a later one");
}

}  // namespace ctr
