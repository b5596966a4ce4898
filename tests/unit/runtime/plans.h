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

// Compares with tests/golden/runtime/`name`, or with CTR_ACCEPT writes it.
void compare_golden(const std::string& name, const std::string& text);

}  // namespace ctr::test
