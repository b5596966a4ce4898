#include "cli/runtime/common.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

namespace ctr::cli::runtime {

Result<void> print_result(std::string_view text) { return write_all(STDOUT_FILENO, text, "stdout"); }

Result<ctr::runtime::HostFacts> probe_host(const RuntimeContext& context) {
  return ctr::runtime::probe_host_facts(context.environment);
}

Result<ctr::runtime::StateRoot> open_root(const RuntimeContext& context, std::string_view id) {
  TRY(ctr::runtime::check_container_id(id));
  auto root = TRY(ctr::runtime::StateRoot::open(context.globals.root));
  if (!root) return Error(Errc::not_found, fmt::format("container '{}' does not exist", printable(id)));
  return std::move(*root);
}

}  // namespace ctr::cli::runtime
