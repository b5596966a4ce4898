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

constexpr std::string_view k_run = "run create";
constexpr std::string_view k_no_sequoia = "Sequoia is not supported; use --sign-by and GnuPG";

constexpr std::array k_refusals = {
    Refusal{k_run, "publish p publish-all P expose", "ports cannot be published yet; use --network host"},
    Refusal{k_run, "pod pod-id-file init-ctr", "pods are not supported yet"},
    Refusal{k_run, "ip ip6 mac-address network-alias link-local-ip",
            "networks with names and addresses are not supported yet"},
    Refusal{"container clone", "pod", "pods are not supported yet"},
    Refusal{"push", "sign-by-sq-fingerprint", k_no_sequoia},
    Refusal{"manifest push", "sign-by-sq-fingerprint", k_no_sequoia},
    Refusal{"manifest add",
            "artifact artifact-annotation artifact-config artifact-config-type artifact-exclude-titles "
            "artifact-layer-type artifact-subject artifact-type",
            "artifacts are not supported yet"},
    Refusal{"unshare", "rootless-netns", "named networks are not supported yet"},
};

struct CommandRefusal {
  std::string_view names;  // separated by commas; a group stands for all of its commands
  std::string_view reason;
};

constexpr std::array k_refused_commands = {
    CommandRefusal{
        "build,image build,buildx,builder",
        "images cannot be built yet; build with another tool and bring the image in with ctr load or ctr pull"},
    CommandRefusal{"pod", "pods are not supported yet"},
    CommandRefusal{"kube,play,generate", "Kubernetes YAML is not supported yet"},
    CommandRefusal{"network", "named networks are not supported yet; there are --network private, host and none"},
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
    return fmt::format("{}{}: {}", name.size() == 1 ? "-" : "--", name, refusal.reason);
  }
  return {};
}

}  // namespace ctr::cli
