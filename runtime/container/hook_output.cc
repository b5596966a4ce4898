#include "runtime/container/hook_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

namespace ctr::runtime {
namespace {

Result<Fd> open_file(const std::string& annotation, const std::string& path) {
  const std::string act = fmt::format("annotation {}: open '{}'", annotation, printable(path));
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) {
    return Error(Errc::invalid, act + ": it is not an absolute path");
  }
  // O_NONBLOCK: a FIFO that nobody reads must not keep us.
  constexpr int k_flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Fd file(::open(path.c_str(), k_flags, 0600));
  if (!file.valid()) return Error::from_errno(act);
  struct stat status{};
  if (::fstat(file.get(), &status) < 0) return Error::from_errno(act);
  if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode)) {
    return Error(Errc::invalid, act + ": it is neither a file nor a character device");
  }
  // The hook's own streams block, as it expects.
  if (::fcntl(file.get(), F_SETFL, O_APPEND) < 0) return Error::from_errno(act);
  return file;
}

}  // namespace

Result<HookOutput> open_hook_output(const std::map<std::string, std::string>& annotations) {
  HookOutput output;
  const auto open = [&](const std::string& annotation, Fd& file) -> Result<void> {
    const auto found = annotations.find(annotation);
    if (found != annotations.end()) file = TRY(open_file(annotation, found->second));
    return ok();
  };
  TRY(open("run.oci.hooks.stdout", output.out));
  TRY(open("run.oci.hooks.stderr", output.err));
  return output;
}

}  // namespace ctr::runtime
