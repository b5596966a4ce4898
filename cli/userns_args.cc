#include "cli/userns_args.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "engine/id_maps.h"

namespace ctr::cli {

using engine::UsernsChoice;
using Mode = UsernsChoice::Mode;

namespace {

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

Result<uint32_t> parse_id(const std::string& text, const std::string& what) {
  return static_cast<uint32_t>(TRY(parse_unsigned(text, what, UINT32_MAX - 1)));
}

// One of the words behind keep-id: and auto:.
Result<void> add_option(const std::string& mode, const std::string& word, UsernsChoice& choice) {
  const auto pair = split_once(word, '=');
  const auto key = pair ? std::string(pair->first) : word;
  const auto what = fmt::format("--userns {}:{}", mode, printable(key));
  if (pair && key == "size") {
    choice.size = TRY(parse_id(std::string(pair->second), what));
    return *choice.size == 0 ? Result<void>(wrong(what + ": must not be 0")) : ok();
  }
  if (pair && choice.mode == Mode::keep_id && (key == "uid" || key == "gid")) {
    (key == "uid" ? choice.keep_uid : choice.keep_gid) = TRY(parse_id(std::string(pair->second), what));
    return ok();
  }
  if (pair && choice.mode == Mode::automatic && (key == "uidmapping" || key == "gidmapping")) {
    auto& maps = key == "uidmapping" ? choice.uid_maps : choice.gid_maps;
    maps.emplace_back(pair->second);
    TRY(engine::parse_id_words({maps.back()}, what));
    return ok();
  }
  const auto* known = choice.mode == Mode::keep_id ? "uid=N, gid=N" : "uidmapping=MAP, gidmapping=MAP";
  return wrong(fmt::format("{}: must be {} or size=N", what, known));
}

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

Result<UsernsChoice> parse_userns(const std::string& text) {
  UsernsChoice choice;
  // podman's name for the map that a normal user gets without an option.
  if (text.empty() || text == "host" || text == "private") return choice;
  if (text == "nomap") return choice.mode = Mode::no_map, choice;
  const auto colon = text.find(':');
  const auto mode = text.substr(0, colon);
  const auto rest = colon == std::string::npos ? std::string() : text.substr(colon + 1);
  if (mode == "keep-id" || mode == "auto") {
    choice.mode = mode == "auto" ? Mode::automatic : Mode::keep_id;
    if (rest.empty()) return choice;
    for (const auto& word : split(rest, ',')) TRY(add_option(mode, word, choice));
    return choice;
  }
  if (mode == "container") {
    if (rest.empty()) return wrong("--userns container: needs the name of a container");
    choice.mode = Mode::container;
    choice.value = rest;
    return choice;
  }
  if (mode == "ns") {
    if (!rest.starts_with('/')) return wrong("--userns ns: needs the path of a user namespace, as /proc/PID/ns/user");
    choice.mode = Mode::path;
    choice.value = rest;
    return choice;
  }
  return wrong(
      fmt::format("invalid user namespace mode '{}': must be host, keep-id, nomap, auto, container:NAME or ns:PATH",
                  printable(text)));
}

Result<UsernsChoice> userns_choice(const Args& args, const engine::Config& config) {
  const bool has_maps = args.has("uidmap") || args.has("gidmap") || args.has("subuidname") || args.has("subgidname");
  if (has_maps && args.has("userns")) {
    return wrong("--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive");
  }
  return has_maps ? mapped_choice(args) : parse_userns(args.text("userns", config.userns));
}

}  // namespace ctr::cli
