#include "cli/refused.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ctr::cli {
namespace {

struct Refusal {
  std::string_view commands;  // separated by blanks
  std::string_view options;   // separated by blanks; letters stand for short names
  std::string_view reason;
};

constexpr std::string_view k_no_sequoia = "Sequoia is not supported; use --sign-by and GnuPG";

constexpr std::string_view k_this_host = "ctr works on this host only";
constexpr std::string_view k_no_hooks =
    "containers.conf and ctr know no hooks of the host; `ctr runtime` runs those of a bundle";

constexpr std::array k_refusals = {
    // Options before the command, and behind it by their long names.
    Refusal{"", "remote url connection identity ssh host H context c tls tlsverify tlscacert tlscert tlskey",
            k_this_host},
    Refusal{"", "config", "credentials are read where --authfile, REGISTRY_AUTH_FILE and DOCKER_CONFIG say"},
    Refusal{"", "module", "name the file in CONTAINERS_CONF_OVERRIDE"},
    Refusal{"", "hooks-dir", k_no_hooks},
    Refusal{"", "conmon network-cmd-path", "ctr is its own monitor and finds its helpers by PATH"},
    Refusal{"", "tmpdir volumepath network-config-dir", "all that ctr keeps is below --root and --runroot"},
    Refusal{"", "transient-store", "containers outlive a restart of the host"},
    Refusal{"", "runtime-flag", "name a program for --runtime that calls the runtime with it"},
    Refusal{"", "syslog", "messages go to stderr"},
    Refusal{"", "out noout", "use the shell: > FILE"},
    Refusal{"", "registries-conf", "name the file in CONTAINERS_REGISTRIES_CONF"},
    Refusal{"kube play", "build context-dir",
            "images cannot be built yet; build with another tool and bring the image in with ctr load or ctr pull"},
    Refusal{"push", "sign-by-sq-fingerprint", k_no_sequoia},
    Refusal{"manifest push", "sign-by-sq-fingerprint", k_no_sequoia},
    Refusal{"unshare", "rootless-netns", "there is no namespace that all networks share; each is one of its own"},
};

struct CommandRefusal {
  std::string_view names;  // separated by commas; a group stands for all of its commands
  std::string_view reason;
};

constexpr std::array k_refused_commands = {
    CommandRefusal{
        "build,image build,buildx,builder",
        "images cannot be built yet; build with another tool and bring the image in with ctr load or ctr pull"},
    CommandRefusal{"generate systemd", "podman has given it up, and systemd integration is not supported yet"},
    CommandRefusal{"compose", "Compose files are not supported yet"},
    CommandRefusal{"quadlet,auto-update", "systemd integration is not supported yet"},
    CommandRefusal{"artifact", "artifacts are not supported yet"},
    CommandRefusal{"image scp", "images are not copied between hosts; use ctr save and ctr load over ssh(1)"},
    CommandRefusal{"system service,system dial-stdio", "there is no API socket yet"},
    CommandRefusal{"system connection,farm,machine,remote", "ctr works on this host only"},
    CommandRefusal{"system migrate,system renumber,system locks", "ctr keeps nothing that would have to be renumbered"},
    CommandRefusal{"swarm,service,stack,node,plugin,config create,config ls,config rm,config inspect",
                   "this verb of docker belongs to its daemon, which ctr does without"},
};

bool has_word(std::string_view words, std::string_view word, char separator = ' ') {
  while (!words.empty()) {
    const size_t end = std::min(words.find(separator), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

bool is_for(std::string_view commands, std::string_view name) {
  if (commands.empty()) return true;
  return name.find(' ') == std::string_view::npos ? has_word(commands, name) : commands == name;
}

}  // namespace

std::optional<RefusedCommand> find_refused_command(std::span<const std::string> words) {
  if (words.empty()) return {};
  const std::string two = words.size() > 1 ? fmt::format("{} {}", words[0], words[1]) : "";
  for (const auto& refusal : k_refused_commands) {
    for (const auto& name : {two, words[0]}) {
      if (!name.empty() && has_word(refusal.names, name, ',')) return RefusedCommand{name, refusal.reason};
    }
  }
  return {};
}

std::optional<std::string> why_refused(const Command& command, std::string_view name) {
  for (const auto& refusal : k_refusals) {
    if (!is_for(refusal.commands, command.name) || !has_word(refusal.options, name)) continue;
    // Letters mean something else behind each command.
    if (refusal.commands.empty() && name.size() == 1 && !command.name.empty()) continue;
    return fmt::format("{}{}: {}", name.size() == 1 ? "-" : "--", name, refusal.reason);
  }
  return {};
}

}  // namespace ctr::cli
