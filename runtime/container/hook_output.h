// Files that take what hooks print, as the annotations run.oci.hooks.stdout and run.oci.hooks.stderr name them.
#pragma once

#include <array>
#include <map>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace ctr::runtime {

struct HookOutput {
  // Of the runtime, not of the container; not valid without an annotation.
  Fd out;
  Fd err;
  std::array<int, 2> numbers() const { return {out.get(), err.get()}; }
};

// Opens both for appending; missing files are made, for their owner only.
// Errors: invalid for a path that is not absolute, or names a symbolic link or what is neither a file nor a character
// device. Source: crun(1), "run.oci.hooks.stdout=FILE".
Result<HookOutput> open_hook_output(const std::map<std::string, std::string>& annotations);

}  // namespace ctr::runtime
