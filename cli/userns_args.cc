#include "cli/userns_args.h"

#include <fmt/format.h>

#include "base/text.h"
#include "engine/id_maps.h"
#include "engine/userns_words.h"

namespace ctr::cli {

using engine::UsernsChoice;
using Mode = UsernsChoice::Mode;

namespace {

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

// A comma is as good as another option, as in podman.
std::vector<std::string> maps_of(const Args& args, std::string_view name) {
  std::vector<std::string> maps;
  for (const auto& text : args.list(name)) {
    for (auto& map : split(text, ',')) maps.push_back(std::move(map));
  }
  return maps;
}

Result<UsernsChoice> mapped_choice(const Args& args) {
  UsernsChoice choice;
  choice.mode = Mode::explicit_;
  choice.uid_maps = maps_of(args, "uidmap");
  choice.gid_maps = maps_of(args, "gidmap");
  choice.subuid_name = args.text("subuidname", args.text("subgidname"));
  choice.subgid_name = args.text("subgidname", choice.subuid_name);
  const bool has_maps = !choice.uid_maps.empty() || !choice.gid_maps.empty();
  if (has_maps && !choice.subuid_name.empty()) {
    return wrong("--uidmap and --gidmap cannot be combined with --subuidname and --subgidname");
  }
  if (!has_maps && choice.subuid_name.empty()) return wrong("--subuidname: the name must not be empty");
  TRY(engine::parse_id_words(choice.uid_maps, "--uidmap"));
  TRY(engine::parse_id_words(choice.gid_maps, "--gidmap"));
  return choice;
}

}  // namespace

Result<UsernsChoice> userns_choice(const Args& args, const engine::Config& config) {
  const bool has_maps = args.has("uidmap") || args.has("gidmap") || args.has("subuidname") || args.has("subgidname");
  if (has_maps && args.has("userns")) {
    return wrong("--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive");
  }
  return has_maps ? mapped_choice(args) : engine::parse_userns(args.text("userns", config.userns));
}

}  // namespace ctr::cli
