#include "engine/own_program.h"

#include <sys/stat.h>
#include <unistd.h>

namespace ctr::engine {

Result<void> protect_program() {
  struct stat file{};
  if (::stat("/proc/self/exe", &file) < 0) return Error::from_errno("look at the own program");
  // What belongs to root of the machine, and nobody else may write to, is out of reach for all but root.
  const bool out_of_reach = ::geteuid() != 0 && file.st_uid == 0 && (file.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  return out_of_reach ? ok() : runtime::run_protected();
}

}  // namespace ctr::engine
