// Values of options that a shell offers.
#include <array>
#include <string>

#include "base/text.h"
#include "cli/suggest.h"
#include "engine/caps.h"

namespace ctr::cli {
namespace {

constexpr std::string_view k_container_filters =
    "ancestor= before= command= exited= health= id= label= label!= name= network= pod= restart-policy= "
    "should-start-on-boot= since= status= until= volume=";
constexpr std::string_view k_image_filters =
    "after= before= containers= dangling= digest= id= intermediate= label= label!= manifest= readonly= reference= "
    "since= until=";
constexpr std::string_view k_volume_filters =
    "after= anonymous= dangling= driver= label= label!= name= opt= scope= since= until=";

// Words of an option, for all commands or for those that are named. A word that ends in "=" or ":" is to be continued.
struct Words {
  std::string_view commands;  // separated by commas; empty: all others
  std::string_view option;
  std::string_view words;  // separated by blanks
};

constexpr std::array k_words = {
    Words{"images,image prune", "filter", k_image_filters},
    Words{"volume ls,volume prune", "filter", k_volume_filters},
    Words{"network ls", "filter", "dangling= driver= id= label= label!= name= until="},
    Words{"network prune", "filter", "label= label!= until="},
    Words{"secret ls", "filter", "id= name="},
    Words{"search", "filter", "is-automated= is-official= stars="},
    Words{"events", "filter", "container= event= image= label= pod= type= volume="},
    Words{"system prune", "filter", "label= label!= until="},
    Words{"pod ps", "filter",
          "ctr-ids= ctr-names= ctr-number= ctr-status= id= label= label!= name= network= status= until="},
    Words{"pod ps", "sort", "created id name number status"},
    Words{"", "exit-policy", "continue stop"},
    Words{"", "share", "+pid ipc ipc,net,pid,uts ipc,net,uts net none pid uts"},
    Words{"", "init-ctr", "always once"},
    Words{"", "pod", "new:"},
    Words{"", "filter", k_container_filters},
    Words{"images", "sort", "created id repository size tag"},
    Words{"ps", "sort", "command created id image names runningfor size status"},
    Words{"commit", "format", "docker oci"},
    Words{"push,manifest push", "format", "oci v2s1 v2s2"},
    Words{"save", "format", "docker-archive docker-dir oci-archive oci-dir"},
    Words{"", "format", "json table"},
    Words{"update", "restart", "always no on-failure on-failure: unless-stopped"},
    Words{"", "restart", "always no on-failure on-failure: unless-stopped"},
    Words{"", "attach", "stderr stdin stdout"},
    Words{"", "arch", "386 amd64 arm arm64 loong64 mips64le ppc64le riscv64 s390x"},
    Words{"", "os", "linux"},
    Words{"", "platform", "linux/386 linux/amd64 linux/arm/v7 linux/arm64 linux/ppc64le linux/riscv64 linux/s390x"},
    Words{"", "pull", "always missing never newer"},
    Words{"", "policy", "always missing never newer"},
    Words{"", "log-driver", "journald json-file k8s-file none passthrough passthrough-tty"},
    Words{"", "log-opt", "label= max-size= path= tag="},
    Words{"", "image-volume", "anonymous bind ignore tmpfs"},
    Words{"", "health-on-failure", "kill none restart stop"},
    Words{"", "network", "bridge container: host none ns: pasta private slirp4netns"},
    Words{"", "ipc", "container: host none ns: private shareable"},
    Words{"", "pid", "container: host ns: private"},
    Words{"", "uts", "container: host ns: private"},
    Words{"", "cgroupns", "container: host ns: private"},
    Words{"", "userns", "auto auto: container: host keep-id keep-id: nomap ns: private"},
    Words{"", "cgroups", "disabled enabled no-conmon split"},
    Words{"", "security-opt", "apparmor= label= mask= no-new-privileges proc-opts= seccomp= unmask="},
    Words{"", "mount", "type=bind, type=devpts, type=glob, type=image, type=ramfs, type=tmpfs, type=volume,"},
    Words{"", "systemd", "always false true"},
    Words{"", "sdnotify", "conmon container healthy ignore"},
    Words{"", "seccomp-policy", "default image"},
    Words{"", "compression-format", "gzip zstd"},
    Words{"", "events-backend", "file journald none"},
    Words{"", "type", "all container image pod volume"},
    Words{"", "condition",
          "configured created exited healthy initialized paused removing running stopped stopping "
          "unhealthy"},
    Words{"", "cgroup-manager", "cgroupfs disabled systemd"},
    Words{"", "error-format", "json text"},
    Words{"", "log-level", "debug error fatal info panic trace warn"},
    Words{"", "storage-driver", "overlay"},
    Words{"", "signal", "SIGCONT SIGHUP SIGINT SIGKILL SIGQUIT SIGSTOP SIGTERM SIGUSR1 SIGUSR2 SIGWINCH"},
    Words{"", "stop-signal", "SIGHUP SIGINT SIGKILL SIGQUIT SIGTERM SIGUSR1 SIGUSR2"},
    Words{"", "ulimit", "as= core= cpu= data= fsize= host memlock= msgqueue= nice= nofile= nproc= rss= rtprio= stack="},
    Words{"", "group-add", "keep-groups"},
    Words{"", "tz", "local"},
};

// What follows a filter's name, as far as there are words for it.
constexpr std::array k_filter_values = {
    Words{"", "status=", "created exited initialized paused running stopping"},
    Words{"", "health=", "healthy none starting unhealthy"},
    Words{"", "restart-policy=", "always no on-failure unless-stopped"},
    Words{"", "dangling=", "false true"},
    Words{"", "anonymous=", "false true"},
    Words{"", "manifest=", "false true"},
    Words{"", "readonly=", "false true"},
    Words{"", "type=", "container image secret system volume"},
};

struct FilterNames {
  std::string_view key;
  Complete kind;
};
constexpr std::array k_filter_names = {
    FilterNames{"ancestor=", Complete::images},  FilterNames{"reference=", Complete::images},
    FilterNames{"image=", Complete::images},     FilterNames{"container=", Complete::containers},
    FilterNames{"name=", Complete::containers},  FilterNames{"volume=", Complete::volumes},
    FilterNames{"network=", Complete::networks}, FilterNames{"container:", Complete::containers},
};

std::vector<Suggestion> separated(std::string_view words, std::string_view front) {
  std::vector<Suggestion> out;
  for (const auto& word : split(words, ' ')) out.push_back({std::string(front) + word, ""});
  return out;
}

bool is_for(const Words& words, const Command& command) {
  if (words.commands.empty()) return true;
  for (const auto& name : split(words.commands, ',')) {
    if (name == command.name) return true;
  }
  return false;
}

// The value's second part, behind "status=" or "container:".
std::vector<Suggestion> behind_key(const Command& command, std::string_view typed, const FindNames& find_names) {
  const size_t end = typed.find_first_of("=:");
  if (end == std::string_view::npos) return {};
  const std::string_view key = typed.substr(0, end + 1);
  const std::string_view rest = typed.substr(end + 1);
  for (const auto& words : k_filter_values) {
    if (words.option == key) return beginning_with(typed, separated(words.words, key));
  }
  for (const auto& names : k_filter_names) {
    if (names.key != key) continue;
    const bool of_volumes = key == "name=" && command.name.starts_with("volume");
    const bool of_networks = key == "name=" && command.name.starts_with("network");
    const bool of_secrets = key == "name=" && command.name.starts_with("secret");
    const Complete kind = of_volumes    ? Complete::volumes
                          : of_networks ? Complete::networks
                          : of_secrets  ? Complete::secrets
                                        : names.kind;
    auto found = suggest_names(kind, rest, find_names);
    for (auto& suggestion : found) suggestion.word.insert(0, key);
    return found;
  }
  return {};
}

bool is_open(const std::vector<Suggestion>& words) {
  return words.size() == 1 && std::string_view("=:,/").find(words.front().word.back()) != std::string_view::npos;
}

std::vector<Suggestion> capabilities() {
  std::vector<Suggestion> out = {{"ALL", ""}};
  for (const auto& name : engine::known_capabilities()) out.push_back({name, ""});
  return out;
}

// Volumes by name, which the directory in the container follows; everything else is a path.
Suggestions suggest_volume(std::string_view typed, const FindNames& find_names) {
  Suggestions out;
  out.files = Suggestions::Files::directories;
  if (typed.find('/') != std::string_view::npos || typed.starts_with('.')) return out;
  for (auto& name : suggest_names(Complete::volumes, typed, find_names)) out.words.push_back({name.word + ":", ""});
  out.open = !out.words.empty();
  return out;
}

}  // namespace

Suggestions suggest_values(const Command& command, const OptionSpec& option, std::string_view typed,
                           const FindNames& find_names) {
  Suggestions out;
  if (option.kind == OptionSpec::Kind::flag) {
    out.words = beginning_with(typed, separated("false true", ""));
    return out;
  }
  if (option.name == "volume" && option.letter == 'v') return suggest_volume(typed, find_names);
  if (option.name == "cap-add" || option.name == "cap-drop") {
    out.words = beginning_with(typed, capabilities());
    return out;
  }
  for (const auto& words : k_words) {
    if (words.option != option.name || !is_for(words, command)) continue;
    out.words = behind_key(command, typed, find_names);
    if (out.words.empty()) {
      out.words = beginning_with(typed, separated(words.words, ""));
      // An option may take names beside its words.
      for (auto& name : suggest_names(option.complete, typed, find_names)) out.words.push_back(std::move(name));
    }
    out.open = is_open(out.words);
    return out;
  }
  if (option.complete == Complete::files) out.files = Suggestions::Files::any;
  if (option.complete == Complete::directories) out.files = Suggestions::Files::directories;
  out.words = suggest_names(option.complete, typed, find_names);
  return out;
}

}  // namespace ctr::cli
