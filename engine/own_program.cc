#include "engine/own_program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/fd.h"
#include "runtime/own_binary.h"

namespace ctr::engine {
namespace {

constexpr const char* k_own_link = "/proc/self/exe";
constexpr const char* k_variable = "_CTR_INSTALLED_PROGRAM";

std::string& path_taken_over() {
  static std::string path;
  return path;
}

// Whose ids a container gets is not known yet: a file that belongs to root of the machine, and that nobody else may
// write to, is out of reach for all but root.
bool may_be_written(const struct stat& file) {
  return ::geteuid() == 0 || file.st_uid != 0 || (file.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

}  // namespace

void take_over_program() {
  const char* value = ::getenv(k_variable);
  if (value == nullptr) return;
  path_taken_over() = value;
  ::unsetenv(k_variable);
}

Result<std::string> installed_program() {
  if (!path_taken_over().empty()) return path_taken_over();
  std::string path(4096, '\0');  // PATH_MAX, Linux
  const ssize_t length = ::readlink(k_own_link, path.data(), path.size());
  if (length < 0) return Error::from_errno("read '/proc/self/exe'");
  path.resize(static_cast<size_t>(length));
  return path;
}

Result<void> protect_program(char* const* argv) {
  struct stat status{};
  if (::stat(k_own_link, &status) < 0) return Error::from_errno("look at the own program");
  if (!may_be_written(status) || runtime::runs_protected()) return ok();
  const Fd program =
      TRY(runtime::open_protected_program(k_own_link).context("keep the own program from the container"));
  if (::setenv(k_variable, TRY(installed_program()).c_str(), 1) < 0) return Error::from_errno("set a variable");
  return runtime::execute_protected(program, argv, environ);
}

}  // namespace ctr::engine
