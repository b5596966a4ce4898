#include "cli/restart_args.h"

#include <fmt/format.h>

#include <climits>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::cli {
namespace {

using engine::RestartSpec;

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

Result<int> parse_retries(std::string_view text) {
  const auto count = parse_signed(text, "");
  if (!count || *count > INT_MAX) {
    return wrong(fmt::format("parsing restart policy retry count: {} is not a number", printable(text)));
  }
  if (*count < 0) return wrong("must specify restart policy retry count as a number greater than 0");
  return static_cast<int>(*count);
}

}  // namespace

Result<RestartSpec> parse_restart(std::string_view text) {
  RestartSpec restart;
  const auto parts = split(text, ':');
  if (parts.size() > 2) return wrong("invalid restart policy: may specify retries at most once");
  const std::string policy = parts.empty() ? "" : parts[0];
  if (parts.size() == 2) {
    if (policy != "on-failure") {
      return wrong("restart policy retries can only be specified with on-failure restart policy");
    }
    restart.most_retries = TRY(parse_retries(parts[1]));
  }
  if (policy == "on-failure") {
    restart.policy = RestartSpec::Policy::on_failure;
  } else if (policy == "always") {
    restart.policy = RestartSpec::Policy::always;
  } else if (policy == "unless-stopped") {
    restart.policy = RestartSpec::Policy::unless_stopped;
  } else if (!policy.empty() && policy != "no" && policy != "never") {
    return wrong(fmt::format("\"{}\" is not a valid restart policy: invalid argument", printable(policy)))
        .with_hint("choose no, on-failure, always or unless-stopped");
  }
  return restart;
}

}  // namespace ctr::cli
