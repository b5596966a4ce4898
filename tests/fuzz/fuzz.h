// What every fuzz target defines.
#pragma once

#include <string_view>

#include "base/result.h"

// One run. `text` is any bytes; a CTR_ASSERT that does not hold is a finding.
void fuzz(std::string_view text);
