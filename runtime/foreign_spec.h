// The configuration that a runtime of others (crun, runc) gets, made from the one that our own takes.
//
// Source: OCI runtime-spec 1.0.2, which every runtime knows: crun 1.8 refuses bundles that say more.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "runtime/spec.h"

namespace ctr::runtime {

// What is made for the runtime before it is called.
struct ForeignPlace {
  std::string root;          // where the root file system is mounted
  pid_t holder = 0;          // the process that holds user, mount and network namespace
  std::string init_program;  // host path of --init; empty: none
};

// The container without what the holder and ctr have done already: the user namespace, in which the runtime is called;
// the network namespace, which is joined; the cgroup, in which it is called. Errors: as check_foreign().
Result<RuntimeSpec> foreign_spec(const RuntimeSpec& spec, const ForeignPlace& place);

// Errors: unsupported, naming what asks for more than version 1.0.2 of the specification has, or for processes of the
// host: no runtime would say that it ignores it.
Result<void> check_foreign(const RuntimeSpec& spec);

}  // namespace ctr::runtime
