// system check.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/parse.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "engine/system_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    flag("force", 'f', "With --repair: remove images that cannot be repaired, and their containers"),
    value("max", 'm', "DURATION", "How long layers that no image needs may be there (default 24h)"),
    flag("quick", 'q', "Do not read content: only what is missing or has another size is found"),
    flag("repair", 'r', "Unpack or fetch what is damaged again"),
};

Result<engine::CheckRequest> check_request(const Args& args) {
  engine::CheckRequest request;
  request.quick = args.flag("quick");
  request.repair = args.flag("repair");
  if (args.has("max")) {
    const auto longest = TRY(parse_duration(args.text("max"), "--max"));
    if (longest.count() < 0) return Error(Errc::invalid, "--max must not be negative");
    request.longest_unreferenced = std::chrono::duration_cast<std::chrono::seconds>(longest);
  }
  return request;
}

void print_damage(Output& output, const engine::Damage& damage) {
  output.line(fmt::format("Damaged {} {}:", damage.kind, damage.id));
  output.line("  " + printable(damage.problem, 4096));
  if (!damage.images.empty()) output.line("  needed by " + printable(join(damage.images, ", "), 4096));
  if (!damage.outcome.empty()) output.line("  " + printable(damage.outcome, 4096));
}

// The images that stay damaged, with the containers that use them.
Result<void> remove_damaged(Context& context, const std::vector<engine::Damage>& damages) {
  std::set<std::string> images;
  for (const auto& damage : damages) {
    if (!damage.repaired) images.insert(damage.images.begin(), damage.images.end());
  }
  auto* engine = TRY(context.engine());
  for (const auto& image : images) {
    const auto report = engine->remove_image(image, true, true);
    if (!report && report.error().code() == Errc::not_found) continue;
    if (!report) return report.error();
    for (const auto& name : report->untagged) context.output().line("Untagged: " + name);
    for (const auto& id : report->deleted) context.output().line("Deleted: " + id);
  }
  return ok();
}

Result<int> check(Context& context, const Args& args) {
  const auto request = TRY(check_request(args));
  if (args.flag("force") && !request.repair) return Error(Errc::invalid, "--force needs --repair");
  const auto damages = TRY(engine::system_verbs(*TRY(context.engine())).check(request));
  for (const auto& damage : damages) print_damage(context.output(), damage);
  const bool all_repaired =
      std::all_of(damages.begin(), damages.end(), [](const auto& damage) { return damage.repaired; });
  if (all_repaired) return 0;
  if (args.flag("force")) {
    TRY(remove_damaged(context, damages));
    return 0;
  }
  auto error = Error(Errc::corrupt, "damage detected in local storage");
  if (request.repair)
    return std::move(error).with_hint("`ctr system check --repair --force` removes what cannot be repaired");
  return std::move(error).with_hint("`ctr system check --repair` unpacks or fetches it again");
}

}  // namespace

constexpr Command k_system_check_command = {.name = "system check",
                                            .aliases = {},
                                            .usage = "[options]",
                                            .summary = "Find damaged images and layers, and repair them",
                                            .options = {group<k_options>},
                                            .most_words = 0,
                                            .run = check};

}  // namespace ctr::cli
