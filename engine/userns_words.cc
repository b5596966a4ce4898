#include "engine/userns_words.h"

#include <fmt/format.h>

#include <vector>

#include "base/parse.h"
#include "base/text.h"
#include "engine/id_maps.h"

namespace ctr::engine {

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
    TRY(parse_id_words({maps.back()}, what));
    return ok();
  }
  const auto* known = choice.mode == Mode::keep_id ? "uid=N, gid=N" : "uidmapping=MAP, gidmapping=MAP";
  return wrong(fmt::format("{}: must be {} or size=N", what, known));
}

std::vector<std::string> option_words(const UsernsChoice& choice) {
  std::vector<std::string> words;
  const auto add = [&](const char* key, const std::optional<uint32_t>& value) {
    if (value) words.push_back(fmt::format("{}={}", key, *value));
  };
  add("uid", choice.keep_uid);
  add("gid", choice.keep_gid);
  add("size", choice.size);
  for (const auto& map : choice.uid_maps) words.push_back("uidmapping=" + map);
  for (const auto& map : choice.gid_maps) words.push_back("gidmapping=" + map);
  return words;
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

std::optional<std::string> userns_words(const UsernsChoice& choice) {
  std::string mode;
  switch (choice.mode) {
    case Mode::host:
      return mode;
    case Mode::no_map:
      return "nomap";
    case Mode::keep_id:
      mode = "keep-id";
      break;
    case Mode::automatic:
      mode = "auto";
      break;
    default:
      return std::nullopt;
  }
  const auto words = option_words(choice);
  return words.empty() ? mode : mode + ":" + join(words, ",");
}

}  // namespace ctr::engine
