// Compiled once for each library, since most of the time that a file takes goes into these headers. Every file includes
// what it uses all the same: clang-tidy reads it without this one.
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
