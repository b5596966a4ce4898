#include "engine/ulimit_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::engine {

namespace {

// setrlimit(2) by the names podman uses.
constexpr std::array<std::string_view, 16> k_ulimits = {"core",     "cpu",        "data",   "fsize", "locks", "memlock",
                                                        "msgqueue", "nice",       "nofile", "nproc", "rss",   "rtprio",
                                                        "rttime",   "sigpending", "stack",  "as"};

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

}  // namespace

Result<UlimitSpec> parse_ulimit(const std::string& text) {
  const auto pair = split_once(text, '=');
  UlimitSpec limit;
  limit.name = to_lower(pair ? pair->first : text);
  if (limit.name.starts_with("rlimit_")) limit.name.erase(0, 7);
  if (!pair) return wrong(fmt::format("invalid ulimit argument: {}", printable(text)));
  if (std::find(k_ulimits.begin(), k_ulimits.end(), limit.name) == k_ulimits.end()) {
    return wrong(fmt::format("invalid ulimit type: {}", printable(limit.name)))
        .with_hint("choose from " + join(std::vector<std::string>(k_ulimits.begin(), k_ulimits.end()), ", "));
  }
  const auto number = [&](std::string_view word) -> Result<int64_t> {
    if (word == "unlimited") return int64_t{-1};
    const auto value = TRY(parse_signed(word, "--ulimit " + limit.name));
    if (value < -1) return wrong(fmt::format("--ulimit {}: '{}' is negative", limit.name, printable(word)));
    return value;
  };
  const auto both = split_once(pair->second, ':');
  limit.soft = TRY(number(both ? both->first : pair->second));
  limit.hard = both ? TRY(number(both->second)) : limit.soft;
  if (limit.hard != -1 && (limit.soft == -1 || limit.soft > limit.hard)) {
    return wrong(
        fmt::format("ulimit soft limit must be less than or equal to hard limit: {} > {}", limit.soft, limit.hard));
  }
  return limit;
}

}  // namespace ctr::engine
