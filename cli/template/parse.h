// Words to tree. Source: Go text/template and its parse package.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/template/ast.h"

namespace ctr::cli {

// Errors: invalid, in Go's words ("template: ps:1: unexpected ...").
Result<TemplateTree> parse_template(std::string_view name, std::string_view source);

}  // namespace ctr::cli
