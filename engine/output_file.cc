#include "engine/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/paths.h"
#include "base/random.h"
#include "base/text.h"

namespace ctr::engine {
namespace {

// NAME_MAX is 255: the rest is for what makes the name passing.
constexpr size_t k_name_part = 200;

}  // namespace

Result<OutputPlace> open_output(const std::string& path) {
  const auto absolute = TRY(absolute_path(path));
  const size_t slash = absolute.rfind('/');
  if (absolute.size() == slash + 1) return Error(Errc::invalid, "'" + printable(path) + "' is not a file name");
  return OutputPlace{TRY(Dir::open(slash == 0 ? "/" : absolute.substr(0, slash))), absolute.substr(slash + 1)};
}

PendingOutput::PendingOutput(const OutputPlace& place)
    : place_(place), name_(fmt::format(".{}.{}", place.name.substr(0, k_name_part), random_hex(8))) {}

PendingOutput::~PendingOutput() {
  if (!name_.empty()) remove_tree(place_.parent, name_).ignore("it has failed already");
}

Result<void> PendingOutput::publish() {
  TRY(place_.parent.rename(name_, place_.parent, place_.name));
  name_.clear();
  return ok();
}

Result<void> write_output_file(const std::string& path, const std::function<Result<void>(int fd)>& write) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    const Fd fd = TRY(open_path(path, O_WRONLY));
    return write(fd.get());
  }
  const auto place = TRY(open_output(path));
  PendingOutput pending(place);
  const Fd file = TRY(place.parent.open_file(pending.name(), O_WRONLY | O_CREAT | O_EXCL, k_output_file_mode));
  TRY(write(file.get()));
  return pending.publish();
}

}  // namespace ctr::engine
