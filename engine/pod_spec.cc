// The values of pods: their codec, their words, and what follows from their members. Pure.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/text.h"
#include "engine/pods.h"
#include "engine/put_json.h"

namespace ctr::engine {

namespace {

constexpr auto k_shareable = std::to_array<std::string_view>({"cgroup", "ipc", "net", "pid", "uts"});

bool is_shareable(std::string_view word) {
  return std::find(k_shareable.begin(), k_shareable.end(), word) != k_shareable.end();
}

size_t count(const std::vector<PodMember>& members, ContainerState state) {
  return static_cast<size_t>(
      std::count_if(members.begin(), members.end(), [&](const auto& member) { return member.state == state; }));
}

}  // namespace

std::string_view exit_policy_word(PodSpec::ExitPolicy policy) {
  return policy == PodSpec::ExitPolicy::stop ? "stop" : "continue";
}

Result<PodSpec::ExitPolicy> parse_exit_policy(std::string_view word) {
  if (word.empty() || word == "continue") return PodSpec::ExitPolicy::keep_running;
  if (word == "stop") return PodSpec::ExitPolicy::stop;
  return Error(Errc::invalid, fmt::format("invalid pod exit policy: \"{}\"", printable(word)))
      .with_hint("choose continue or stop");
}

Result<std::set<std::string>> parse_share(std::string_view text) {
  // With a sign in front it says what there is beside the usual ones.
  const bool adds = text.starts_with('+');
  std::set<std::string> out;
  if (adds) {
    out = PodSpec().share;
    text.remove_prefix(1);
  }
  if (text == "none" || text.empty()) return out;
  for (const auto& word : split(text, ',')) {
    if (!is_shareable(word)) {
      return Error(Errc::invalid, fmt::format("invalid kernel namespace to share: {}. Options are: cgroup, ipc, net, "
                                              "pid, uts or none",
                                              printable(word)));
    }
    out.insert(word);
  }
  return out;
}

namespace {

Json memory_json(const std::vector<PodMemory>& memories) {
  Json list = Json::array();
  for (const auto& memory : memories) {
    Json json = Json::object().set("name", memory.name);
    if (memory.size_bytes) json.set("size", *memory.size_bytes);
    if (memory.gid) json.set("gid", *memory.gid);
    list.push(std::move(json));
  }
  return list;
}

Result<std::vector<PodMemory>> memory_from_json(const JsonReader& reader) {
  std::vector<PodMemory> memories;
  if (!reader.has("memory")) return memories;
  for (const auto& entry : TRY(reader.elements("memory"))) {
    PodMemory memory;
    memory.name = TRY(entry.get_string("name"));
    memory.size_bytes = TRY(entry.find_uint("size"));
    if (const auto gid = TRY(entry.find_uint("gid"))) memory.gid = static_cast<uint32_t>(*gid);
    memories.push_back(std::move(memory));
  }
  return memories;
}

}  // namespace

Json to_json(const PodSpec& spec) {
  const PodSpec usual;
  Json json = Json::object();
  put(json, "name", spec.name);
  json.set("share", Json::strings({spec.share.begin(), spec.share.end()}));
  if (!spec.share_parent) json.set("share_parent", false);
  if (!spec.infra) json.set("infra", false);
  json.set("exit_policy", std::string(exit_policy_word(spec.exit_policy)));
  put(json, "infra_name", spec.infra_name);
  put(json, "infra_image", spec.infra_image);
  put(json, "infra_command", spec.infra_command);
  put(json, "monitor_pid_file", spec.monitor_pid_file);
  put(json, "id_file", spec.id_file);
  if (!spec.memory.empty()) json.set("memory", memory_json(spec.memory));
  json.set("shared", to_json(spec.shared));
  return json;
}

Result<PodSpec> pod_spec_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  PodSpec spec;
  spec.name = TRY(reader.string_or("name", ""));
  if (reader.has("share")) {
    const auto words = TRY(reader.strings("share"));
    if (!std::all_of(words.begin(), words.end(), is_shareable)) return reader.wrong("share", "names of namespaces");
    spec.share = {words.begin(), words.end()};
  }
  spec.share_parent = TRY(reader.bool_or("share_parent", true));
  spec.infra = TRY(reader.bool_or("infra", true));
  spec.exit_policy = TRY(parse_exit_policy(TRY(reader.string_or("exit_policy", ""))));
  spec.infra_name = TRY(reader.string_or("infra_name", ""));
  spec.infra_image = TRY(reader.string_or("infra_image", ""));
  spec.infra_command = TRY(reader.string_or("infra_command", ""));
  spec.monitor_pid_file = TRY(reader.string_or("monitor_pid_file", ""));
  spec.id_file = TRY(reader.string_or("id_file", ""));
  spec.memory = TRY(memory_from_json(reader));
  const auto shared = TRY(reader.find_object("shared"));
  if (!shared) return reader.wrong("shared", "an object");
  spec.shared = TRY(container_spec_from_json(*shared));
  return spec;
}

std::string_view state_name(PodState state) {
  switch (state) {
    case PodState::created:
      return "Created";
    case PodState::running:
      return "Running";
    case PodState::degraded:
      return "Degraded";
    case PodState::paused:
      return "Paused";
    case PodState::stopped:
      return "Stopped";
    case PodState::exited:
      return "Exited";
  }
  return "";
}

// The pod's monitor counts as one of them. Source: podman, libpod/pod_status.go.
PodState pod_state(const PodOwnState& own, const std::vector<PodMember>& members) {
  const size_t all = members.size() + (own.infra ? 1 : 0);
  const bool ended = own.infra && !own.running && own.was_started;
  const size_t running = count(members, ContainerState::running) + (own.infra && own.running ? 1 : 0);
  const size_t paused = count(members, ContainerState::paused);
  const size_t exited =
      count(members, ContainerState::exited) + count(members, ContainerState::stopping) + (ended ? 1 : 0);
  if (all == 0) return PodState::created;
  // A monitor has nothing to pause.
  if (paused > 0 && paused == members.size()) return PodState::paused;
  if (running == all) return PodState::running;
  if (running > 0) return PodState::degraded;
  if (exited == all) return PodState::exited;
  return exited > 0 ? PodState::stopped : PodState::created;
}

std::vector<PodMember> start_order(std::vector<PodMember> members) {
  std::sort(members.begin(), members.end(),
            [](const auto& a, const auto& b) { return std::tie(a.created, a.id) < std::tie(b.created, b.id); });
  std::vector<PodMember> order;
  std::set<std::string> pending;
  for (const auto& member : members) pending.insert(member.id.hex);
  const auto is_ready = [&](const PodMember& member) {
    return std::none_of(member.dependencies.begin(), member.dependencies.end(),
                        [&](const auto& id) { return id != member.id.hex && pending.contains(id); });
  };
  while (!members.empty()) {
    auto next = std::find_if(members.begin(), members.end(), is_ready);
    // Whoever is made requires what is there already, so that there are no circles; damage must not be one either.
    if (next == members.end()) next = members.begin();
    pending.erase(next->id.hex);
    order.push_back(std::move(*next));
    members.erase(next);
  }
  return order;
}

}  // namespace ctr::engine
