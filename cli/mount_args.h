// -v, --mount and --tmpfs as values.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/spec.h"

namespace ctr::cli {

// "SRC:DST[:OPTIONS]", "NAME:DST[:OPTIONS]" or "DST"; a source that starts with '.' is below `cwd`.
// Errors: invalid, in podman's words where scripts look for them.
Result<engine::MountSpec> parse_volume(std::string_view text, const std::string& cwd);
// "type=bind,src=/a,dst=/b,ro": comma-separated fields, quoted as in CSV where a value holds a comma.
Result<engine::MountSpec> parse_mount(std::string_view text, const std::string& cwd);
// "DST[:OPTIONS]"
Result<engine::MountSpec> parse_tmpfs(std::string_view text);

}  // namespace ctr::cli
