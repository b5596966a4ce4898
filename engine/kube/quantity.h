// Amounts as Kubernetes writes them: "250m", "1.5", "64Mi", "1e3".
//
// Source: the documentation of Kubernetes, "Quantity".
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace ctr::engine::kube {

// In thousandths, rounded up. Errors: invalid.
Result<int64_t> parse_quantity_milli(std::string_view text);
// Rounded up to a whole number. Errors: invalid.
Result<int64_t> parse_quantity(std::string_view text);

}  // namespace ctr::engine::kube
