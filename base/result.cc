#include "base/result.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace ctr {
namespace {

Errc code_of_errno(int sys) {
  switch (sys) {
    case ENOENT:
    case ESRCH:
    case ENODEV:
      return Errc::not_found;
    case EEXIST:
      return Errc::exists;
    case EPERM:
    case EACCES:
      return Errc::permission;
    case ENOSPC:
    case EDQUOT:
      return Errc::no_space;
    case EBUSY:
    case ETXTBSY:
      return Errc::in_use;
    case EINTR:
      return Errc::interrupted;
    case ETIMEDOUT:
      return Errc::timed_out;
    case ENOSYS:
    case EOPNOTSUPP:
      return Errc::unsupported;
    case EINVAL:
    case ENAMETOOLONG:
      return Errc::invalid;
    default:
      return Errc::io;
  }
}

constexpr std::array<std::string_view, 17> k_errc_names = {
    "internal",
    "invalid",
    "not_found",
    "exists",
    "in_use",
    "permission",
    "unauthorized",
    "network",
    "corrupt",
    "unsupported",
    "no_space",
    "interrupted",
    "timed_out",
    "bad_state",
    "io",
    "command_not_found",
    "command_not_executable",
};

}  // namespace

Error Error::from_errno(std::string what, int sys) {
  return Error(code_of_errno(sys), std::move(what) + ": " + std::strerror(sys)).with_sys(sys);
}

std::string Error::text() const {
  std::string line;
  for (const auto& frame : frames_) line += frame + ": ";
  return line + message_;
}

std::string_view errc_name(Errc code) { return k_errc_names.at(static_cast<size_t>(code)); }

Errc errc_from_name(std::string_view name) {
  for (size_t i = 0; i < k_errc_names.size(); ++i) {
    if (k_errc_names[i] == name) return static_cast<Errc>(i);
  }
  return Errc::internal;
}

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "Error: internal: %s does not hold at %s:%d; this is a bug of ctr\n", condition, file, line);
  std::abort();
}

}  // namespace ctr
