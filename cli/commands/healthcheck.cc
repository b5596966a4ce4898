// healthcheck run.
#include <fmt/format.h>

#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "engine/container_verbs.h"

namespace ctr::cli {
namespace {

constexpr int k_unhealthy_code = 1;

constexpr std::array k_healthcheck_options = {
    flag("ignore-result", 0, "Exit with 0 also when the check fails"),
};

// As Go prints a duration: "1s", "1m30s", "1.5s".
std::string duration_text(std::chrono::nanoseconds duration) {
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(duration);
  const std::chrono::duration<double> seconds = duration - minutes;
  if (minutes.count() == 0) return fmt::format("{}s", seconds.count());
  return fmt::format("{}m{}s", minutes.count(), seconds.count());
}

Result<int> healthcheck_run(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const std::string& name = args.words()[0];
  const auto info =
      TRY(engine->find_container(name).context(fmt::format("unable to look up {} to perform a health check", name)));
  const auto report = TRY(engine::container_verbs(*engine).check_health(info.id));
  if (report.passed) return 0;
  const int code = args.flag("ignore-result") ? 0 : k_unhealthy_code;
  if (report.timed_out && code != 0) {
    return Error(Errc::timed_out,
                 fmt::format("healthcheck command exceeded timeout of {}", duration_text(*report.timed_out)));
  }
  context.output().line(report.startup ? "starting" : "unhealthy");
  return code;
}

}  // namespace

constexpr Command k_healthcheck_run_command = {.name = "healthcheck run",
                                               .aliases = {},
                                               .usage = "[options] CONTAINER",
                                               .summary = "Run the health check of a container once",
                                               .options = {group<k_healthcheck_options>},
                                               .least_words = 1,
                                               .most_words = 1,
                                               .complete = Complete::running,
                                               .enters_containers = true,
                                               .run = healthcheck_run};

}  // namespace ctr::cli
