// Compiled once for each library when the compiler is clang, as it is for the sanitizers: most of the time that a file
// takes goes into these headers. Every file includes what it uses all the same, since g++ builds without this one.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
