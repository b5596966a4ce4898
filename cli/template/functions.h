// The functions of templates: Go's own and those podman adds.
#pragma once

#include <span>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "cli/template/value.h"

namespace ctr::cli {

bool is_template_function(std::string_view name);
// Calls any function but `and` and `or`, whose arguments are evaluated lazily by the caller.
//
// Errors: invalid, with the words Go puts behind "error calling NAME: ", or "wrong number of args for NAME: …".
Result<TemplateValue> call_template_function(std::string_view name, std::span<const TemplateValue> args, Json& storage);

// Go's fmt.Sprintf over these values.
std::string sprintf_go(std::string_view format, std::span<const TemplateValue> args);
// Go's fmt.Sprint: blanks between operands when neither is a string.
std::string sprint_go(std::span<const TemplateValue> args);
// Go's fmt.Sprintln.
std::string sprintln_go(std::span<const TemplateValue> args);

}  // namespace ctr::cli
