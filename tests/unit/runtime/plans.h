// Launches as plans: a host that never was, and golden files of the steps.
#pragma once

#include <string>

#include "runtime/compile.h"
#include "tests/unit/runtime/support.h"

namespace ctr::test {

runtime::HostFacts plain_host();
runtime::RootfsPlan plain_rootfs();
runtime::RuntimeSpec plain_spec();

// The steps on plain_host(), or "ERROR …".
std::string compiled(const runtime::RuntimeSpec& spec, const runtime::RootfsPlan& plan,
                     const runtime::CompileOptions& options = {});
std::string compiled_on(const runtime::HostFacts& host, const runtime::RuntimeSpec& spec);
// The steps whose acts begin with one of `words` (separated by '|'), to look at a part of a program.
std::string steps_about(const std::string& program, const std::string& words);

// Compares with tests/golden/runtime/`name`, or with CTR_ACCEPT writes it.
void compare_golden(const std::string& name, const std::string& text);

}  // namespace ctr::test
