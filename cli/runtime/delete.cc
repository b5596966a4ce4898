#include <array>

#include "cli/runtime/common.h"
#include "cli/runtime/log.h"
#include "runtime/container/remove.h"

namespace ctr::cli::runtime {
namespace {

constexpr std::array k_options = {
    flag("force", 'f', "Kill the container first; one that does not exist is no error"),
    flag("regex", 'r', "CONTAINER is a regular expression that a whole name must match"),
};

Result<int> remove(RuntimeContext& context, const RuntimeArgs& args) {
  const auto force = args.flag("force") ? ctr::runtime::Force::yes : ctr::runtime::Force::no;
  Warnings warnings(context.log);
  if (args.flag("regex")) {
    return for_matching(context, args.words()[0], [&](const auto& root, const std::string& id) {
      return ctr::runtime::delete_container(root, id, force, &warnings.list);
    });
  }
  const std::string& id = args.words()[0];
  auto root = open_root(context, id);
  auto removed =
      root ? ctr::runtime::delete_container(*root, id, force, &warnings.list) : Result<void>(std::move(root).error());
  const bool missing = !removed && removed.error().code() == Errc::not_found;
  if (!removed && !(missing && force == ctr::runtime::Force::yes)) return std::move(removed).error();
  return 0;
}

}  // namespace

const RuntimeCommand k_runtime_delete = {.name = "delete",
                                         .usage = "[OPTION]... CONTAINER",
                                         .summary = "Remove a container that has ended or was not started",
                                         .options = k_options,
                                         .least_words = 1,
                                         .run = remove};

}  // namespace ctr::cli::runtime
