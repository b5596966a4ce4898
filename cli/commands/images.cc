// images, history, tag, untag, image exists.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/image_view.h"
#include "cli/output.h"

namespace ctr::cli {
namespace {

constexpr std::array k_images_options = {
    flag("all", 'a', "Accepted: ctr keeps no intermediate images"),
    flag("digests", 0, "Show digests"),
    list("filter", 'f', "KEY=VALUE", "Only images that match"),
    value("format", 0, "FORMAT", "json, or a Go template; with \"table \" in front it has headings"),
    flag("history", 0, "Show the names the image has had"),
    flag("no-trunc", 0, "Whole ids"),
    flag("noheading", 'n', "No headings"),
    flag("quiet", 'q', "Only ids"),
    value("sort", 0, "FIELD", "created, id, repository, size or tag"),
};
constexpr std::array k_history_options = {
    value("format", 0, "FORMAT", "json, or a Go template"),
    flag("human", 'H', "Sizes and times for people (default true)"),
    flag("no-trunc", 0, "Whole ids and commands"),
    flag("quiet", 'q', "Only ids"),
};

constexpr std::array<std::string_view, 14> k_filter_keys = {
    "id",    "before",   "since",    "after",     "containers",   "dangling", "digest",
    "label", "manifest", "readonly", "reference", "intermediate", "until",    "label!"};

Result<std::vector<engine::ImageInfo>> matching_images(engine::Engine& engine, const Args& args) {
  auto filters = TRY(parse_filters(args));
  if (!args.words().empty()) {
    if (!filters.empty()) return Error(Errc::invalid, "cannot specify an image and a filter(s)");
    filters.push_back({"reference", args.words().front()});
  }
  for (const auto& filter : filters) {  // an unknown key is an error on an empty store too
    if (std::find(k_filter_keys.begin(), k_filter_keys.end(), filter.key) == k_filter_keys.end()) {
      return Error(Errc::invalid, fmt::format("{} is an invalid filter", printable(filter.key)));
    }
  }
  std::vector<engine::ImageInfo> found;
  for (auto& image : TRY(engine.list_images())) {
    if (TRY(engine.image_matches(image, filters))) found.push_back(std::move(image));
  }
  return found;
}

void print_ids(Output& output, const std::vector<ImageRow>& rows, const ImagesOptions& options) {
  std::set<std::string> seen;
  for (const auto& row : rows) {
    if (seen.insert(row.image->id).second) output.line(shown_image_id(*row.image, options));
  }
}

Result<int> images(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  ImagesOptions options;
  options.ids = args.flag("no-trunc") ? ImagesOptions::Ids::whole : ImagesOptions::Ids::shortened;
  options.digests = args.flag("digests");
  options.history = args.flag("history");
  const auto found = TRY(matching_images(*engine, args));
  options.read_only = std::any_of(found.begin(), found.end(), [](const auto& image) { return image.is_read_only(); });
  auto rows = image_rows(found);
  TRY(sort_image_rows(rows, args.text("sort", "created")));
  Output& output = context.output();
  const std::string format = args.text("format");
  if (args.flag("quiet") && format.empty()) return print_ids(output, rows, options), 0;
  const TimePoint at = now();
  const bool json = is_json_format(format);
  Json list = Json::array();
  for (const auto& row : rows) list.push(json ? image_json(row) : image_row(row, options, at));
  if (json) {
    output.print(pretty(list, 4));
    return 0;
  }
  const auto listing = images_listing(options);
  const Heading heading = args.flag("noheading") ? Heading::no : Heading::yes;
  output.print(TRY(print_listing(listing, format, list, heading)));
  return 0;
}

Result<int> history(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const auto image = TRY(engine->find_image(args.words().front()));
  const std::string format = args.text("format");
  Output& output = context.output();
  if (is_json_format(format)) {
    output.line(dump_json(history_json(image)));
    return 0;
  }
  HistoryOptions options;
  options.text = args.flag("no-trunc") ? HistoryOptions::Text::whole : HistoryOptions::Text::shortened;
  options.human = args.flag("human", true);
  const Json rows = history_rows(image, options, now());
  const auto listing = history_listing();
  if (args.flag("quiet")) {
    output.print(TRY(print_format(listing, "{{.ID}}", rows, Heading::no)));
  } else {
    output.print(TRY(print_listing(listing, format, rows, Heading::yes)));
  }
  return 0;
}

Result<int> tag(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const auto& words = args.words();
  for (size_t i = 1; i < words.size(); ++i) TRY(engine->tag(words[0], words[i]));
  return 0;
}

Result<int> untag(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const auto& words = args.words();
  TRY(engine->untag(words[0], {words.begin() + 1, words.end()}));
  return 0;
}

Result<int> exists(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  return existence(engine->find_image(args.words().front()));
}

constexpr std::string_view k_images_aliases[] = {"image ls", "image list"};
constexpr std::string_view k_history_aliases[] = {"image history"};
constexpr std::string_view k_tag_aliases[] = {"image tag"};
constexpr std::string_view k_untag_aliases[] = {"image untag"};

}  // namespace

constexpr Command k_images_command = {.name = "images",
                                      .aliases = k_images_aliases,
                                      .usage = "[options] [IMAGE]",
                                      .summary = "List images",
                                      .options = {group<k_images_options>},
                                      .most_words = 1,
                                      .complete = Complete::images,
                                      .run = images};

constexpr Command k_history_command = {.name = "history",
                                       .aliases = k_history_aliases,
                                       .usage = "[options] IMAGE",
                                       .summary = "Show the steps an image was made in",
                                       .options = {group<k_history_options>},
                                       .least_words = 1,
                                       .most_words = 1,
                                       .complete = Complete::images,
                                       .run = history};

constexpr Command k_tag_command = {.name = "tag",
                                   .aliases = k_tag_aliases,
                                   .usage = "IMAGE NAME [NAME...]",
                                   .summary = "Give an image another name",
                                   .least_words = 2,
                                   .complete = Complete::images,
                                   .run = tag};

constexpr Command k_untag_command = {.name = "untag",
                                     .aliases = k_untag_aliases,
                                     .usage = "IMAGE [NAME...]",
                                     .summary = "Take names away from an image",
                                     .least_words = 1,
                                     .complete = Complete::images,
                                     .run = untag};

constexpr Command k_image_exists_command = {.name = "image exists",
                                            .aliases = {},
                                            .usage = "IMAGE",
                                            .summary = "Tell by the exit code whether an image is in the store",
                                            .least_words = 1,
                                            .most_words = 1,
                                            .complete = Complete::images,
                                            .run = exists};

}  // namespace ctr::cli
