// port.
#include <fmt/format.h>

#include "base/parse.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"

namespace ctr::cli {
namespace {

constexpr std::array k_port_options = {flag("all", 'a', "All containers")};

constexpr uint64_t k_last_port = 65535;

// "80" or "80/udp".
Result<void> check_port(const std::string& text) {
  const auto fields = split(text, '/');
  if (fields.size() > 2) {
    return Error(Errc::invalid, fmt::format("port formats are port/protocol. '{}' is invalid", printable(text)));
  }
  TRY(parse_unsigned(fields.front(), "the port", k_last_port));
  return ok();
}

// A container has no published ports, since `run` refuses to publish any: what is left to print is what is wrong.
Result<int> port(Context& context, const Args& args) {
  const auto& words = args.words();
  const bool all = args.flag("all");
  const bool latest = args.flag("latest");
  if (all && latest) return Error(Errc::invalid, "--all and --latest cannot be used together");
  if (all && !words.empty()) return Error(Errc::invalid, "no arguments are needed with --all");
  if (words.empty() && !all && !latest) return Error(Errc::invalid, "you must supply a running container name or id");
  const size_t before_port = latest ? 0 : 1;
  if (words.size() > before_port + 1) {
    return Error(Errc::invalid, "give one port only").with_hint("without a port all of them are listed");
  }
  if (words.size() > before_port) TRY(check_port(words.back()));
  if (!all) TRY(one_container(context, args));
  return 0;
}

constexpr std::string_view k_port_aliases[] = {"container port"};

}  // namespace

constexpr Command k_port_command = {.name = "port",
                                    .aliases = k_port_aliases,
                                    .usage = "[options] CONTAINER [PORT[/PROTOCOL]]",
                                    .summary = "List the published ports of a container",
                                    .options = {group<k_port_options>, latest_options},
                                    .complete = Complete::containers,
                                    .run = port};

}  // namespace ctr::cli
