#include "engine/other_runtime.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/text.h"

namespace ctr::engine {
namespace {

// Where distributions put runtimes outside of $PATH; podman looks here first.
constexpr std::array<std::string_view, 6> k_places = {"/usr/bin",        "/usr/sbin", "/usr/local/bin",
                                                      "/usr/local/sbin", "/sbin",     "/bin"};

bool is_program(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

Error not_found(const std::string& wanted) {
  return Error(Errc::not_found, fmt::format("OCI runtime \"{}\" not found", printable(wanted)))
      .with_hint("install it, name its path, or leave --runtime out: ctr needs no other runtime");
}

}  // namespace

Result<std::string> find_runtime(const std::string& wanted, const Environment& environment) {
  const std::string name = wanted.substr(wanted.rfind('/') + 1);
  if (wanted.empty() || name == "ctr" || name == "ctr-runtime") return std::string();
  if (wanted.find('/') != std::string::npos) {
    std::string path = TRY(absolute_path(wanted));
    if (is_program(path)) return path;
    if (::access(path.c_str(), F_OK) != 0) return not_found(wanted);
    return Error(Errc::permission, fmt::format("OCI runtime \"{}\" cannot be executed", printable(wanted)));
  }
  for (const std::string_view place : k_places) {
    std::string path = fmt::format("{}/{}", place, wanted);
    if (is_program(path)) return path;
  }
  std::string path = find_program(wanted, environment);
  return path.empty() ? Result<std::string>(not_found(wanted)) : Result<std::string>(std::move(path));
}

}  // namespace ctr::engine
