// system df.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/disk_view.h"
#include "cli/output.h"
#include "engine/system_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    value("format", 0, "FORMAT", "json, or a Go template"),
    flag("verbose", 'v', "A row for each image, container and volume"),
};

void print_details(Output& output, const engine::DiskUsage& usage) {
  const auto at = now();
  output.print("Images space usage:\n\n");
  output.print(print_table(disk_image_listing(), disk_image_rows(usage, at), Heading::yes));
  output.print("\nContainers space usage:\n\n");
  output.print(print_table(disk_container_listing(), disk_container_rows(usage, at), Heading::yes));
  output.print("\nLocal Volumes space usage:\n\n");
  output.print(print_table(disk_volume_listing(), disk_volume_rows(usage), Heading::yes));
}

Result<int> df(Context& context, const Args& args) {
  const bool details = args.flag("verbose");
  const std::string format = args.text("format");
  if (details && args.has("format")) return Error(Errc::invalid, "cannot combine --format and --verbose flags");
  const auto usage = TRY(engine::system_verbs(*TRY(context.engine())).disk_usage());
  auto& output = context.output();
  if (details) {
    print_details(output, usage);
    return 0;
  }
  const auto rows = disk_summary_rows(usage);
  if (is_json_format(format)) {
    output.print(pretty(rows, 2));
  } else {
    output.print(TRY(print_listing(disk_summary_listing(), format, rows, Heading::yes)));
  }
  return 0;
}

}  // namespace

constexpr Command k_system_df_command = {.name = "system df",
                                         .aliases = {},
                                         .usage = "[options]",
                                         .summary = "Show what images, containers and volumes take of the disk",
                                         .options = {group<k_options>},
                                         .most_words = 0,
                                         .run = df};

}  // namespace ctr::cli
