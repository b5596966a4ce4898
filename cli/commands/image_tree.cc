// image tree.
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/image_tree_view.h"
#include "cli/output.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    flag("whatrequires", 0, "Show the images that are built on this one"),
};

Result<int> tree(Context& context, const Args& args) {
  auto* engine = TRY(context.engine());
  const auto image = TRY(engine->find_image(args.words().front()));
  const auto scope = args.flag("whatrequires") ? TreeScope::what_requires : TreeScope::own_layers;
  context.output().print(image_tree(TRY(engine->list_images()), image, scope));
  return 0;
}

}  // namespace

constexpr Command k_image_tree_command = {.name = "image tree",
                                          .aliases = {},
                                          .usage = "[options] IMAGE",
                                          .summary = "Show the layers of an image as a tree",
                                          .options = {group<k_options>},
                                          .least_words = 1,
                                          .most_words = 1,
                                          .complete = Complete::images,
                                          .run = tree};

}  // namespace ctr::cli
