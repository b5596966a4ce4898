#include "cli/container_view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "engine/port_words.h"

namespace ctr::cli {
namespace {

using engine::ContainerInfo;
using engine::ContainerState;

// podman cuts commands at 17 bytes and shows dots behind.
constexpr size_t k_command_width = 17;

std::string shown_id(const std::string& id, const PsOptions& options) {
  return options.ids == PsOptions::Ids::whole ? id : id.substr(0, 12);
}

std::string ago(TimePoint then, TimePoint at) { return human_duration(at - then) + " ago"; }

std::string capitalized(std::string_view word) {
  std::string text(word);
  if (!text.empty()) text[0] = to_upper(text.substr(0, 1))[0];
  return text;
}

int64_t unix_or_zero(const std::optional<TimePoint>& time, int64_t otherwise) {
  return time ? to_unix_seconds(*time) : otherwise;
}

// Go's zero time in seconds: what podman prints for "has not started yet".
constexpr int64_t k_go_zero_time = -62135596800;

std::vector<std::string> destinations(const ContainerInfo& info) {
  std::vector<std::string> out;
  for (const auto& mount : info.spec.mounts) out.push_back(mount.destination);
  return out;
}

std::vector<std::string> networks(const ContainerInfo& info) {
  std::vector<std::string> out;
  for (const auto& joined : info.spec.network.networks) out.push_back(joined.network);
  return out;
}

// The inode number in "net:[4026531840]" of a running container; empty otherwise.
std::string namespace_inode(const ContainerInfo& info, const char* name) {
  if (info.pid <= 0) return "";
  std::array<char, 128> target{};
  const std::string path = fmt::format("/proc/{}/ns/{}", info.pid, name);
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length <= 0) return "";
  const std::string_view text(target.data(), static_cast<size_t>(length));
  const size_t open = text.find('[');
  return open == std::string_view::npos ? "" : std::string(text.substr(open + 1, text.size() - open - 2));
}

struct NamespaceField {
  const char* field;  // in templates
  const char* json;
  const char* proc;
};
constexpr std::array k_namespaces = {
    NamespaceField{"MNT", "Mnt", "mnt"},     NamespaceField{"Cgroup", "Cgroup", "cgroup"},
    NamespaceField{"IPC", "Ipc", "ipc"},     NamespaceField{"NET", "Net", "net"},
    NamespaceField{"PIDNS", "Pidns", "pid"}, NamespaceField{"UTS", "Uts", "uts"},
    NamespaceField{"User", "User", "user"},
};

std::string command_text(const ContainerInfo& info, const PsOptions& options) {
  std::string text = join(info.argv, " ");
  if (options.ids == PsOptions::Ids::whole || text.size() <= k_command_width) return text;
  return text.substr(0, k_command_width) + "...";
}

std::string size_text(const std::optional<engine::Engine::ContainerSize>& size) {
  if (!size) return "";
  return fmt::format("{} (virtual {})", human_size(size->rw_bytes, "", 3), human_size(size->rootfs_bytes, "", 3));
}

// podman names the root directory where there is no image.
std::string image_text(const ContainerInfo& info) {
  return info.image_name.empty() ? info.spec.rootfs : info.image_name;
}

std::string pod_name(const ContainerInfo& info, const PsOptions& options) {
  const auto found = options.pod_names.find(info.spec.pod);
  return found == options.pod_names.end() ? "" : found->second;
}

// What the fields of a row are made of.
struct Row {
  const ContainerInfo& info;
  const std::optional<engine::Engine::ContainerSize>& size;
  const PsOptions& options;
  TimePoint at;
};

std::string shown_inode(const Row& row, const char* proc) {
  return row.options.namespaces ? namespace_inode(row.info, proc) : "";
}

Json all_inodes(const Row& row) {
  Json out = Json::object();
  for (const auto& field : k_namespaces) out.set(field.field, shown_inode(row, field.proc));
  return out;
}

struct Field {
  const char* name;
  Json (*value)(const Row& row);
};
constexpr std::array k_fields = {
    Field{"AutoRemove", [](const Row& row) -> Json { return row.info.spec.auto_remove; }},
    Field{"CIDFile", [](const Row& row) -> Json { return row.info.spec.cid_file; }},
    Field{"Command", [](const Row& row) -> Json { return command_text(row.info, row.options); }},
    Field{"Created", [](const Row& row) -> Json { return to_unix_seconds(row.info.created); }},
    Field{"CreatedAt", [](const Row& row) -> Json { return format_go_time(row.info.created); }},
    Field{"CreatedHuman", [](const Row& row) -> Json { return ago(row.info.created, row.at); }},
    Field{"ExitCode", [](const Row& row) -> Json { return row.info.exit_code; }},
    Field{"Exited", [](const Row& row) -> Json { return row.info.state == ContainerState::exited; }},
    Field{"ExitedAt", [](const Row& row) -> Json { return unix_or_zero(row.info.finished, k_go_zero_time); }},
    Field{"ID", [](const Row& row) -> Json { return shown_id(row.info.id.hex, row.options); }},
    Field{"Image", [](const Row& row) -> Json { return image_text(row.info); }},
    Field{"ImageID", [](const Row& row) -> Json { return shown_id(row.info.image_id, row.options); }},
    Field{"IsInfra", [](const Row&) -> Json { return false; }},
    Field{"Labels", [](const Row& row) -> Json { return Json::string_map(row.info.spec.labels); }},
    Field{"Mounts", [](const Row& row) -> Json { return Json::strings(destinations(row.info)); }},
    Field{"Names", [](const Row& row) -> Json { return row.info.name; }},
    Field{"Networks", [](const Row& row) -> Json { return join(networks(row.info), ","); }},
    Field{"Pid", [](const Row& row) -> Json { return row.info.pid; }},
    Field{"Pod", [](const Row& row) -> Json { return shown_id(row.info.spec.pod, row.options); }},
    Field{"PodName", [](const Row& row) -> Json { return pod_name(row.info, row.options); }},
    Field{"Ports",
          [](const Row& row) -> Json { return engine::ports_text(row.info.spec.ports, row.info.spec.exposed_ports); }},
    Field{"Restarts", [](const Row& row) -> Json { return std::to_string(row.info.restart_count); }},
    Field{"RunningFor", [](const Row& row) -> Json { return ago(row.info.created, row.at); }},
    Field{"Size", [](const Row& row) -> Json { return size_text(row.size); }},
    Field{"StartedAt", [](const Row& row) -> Json { return unix_or_zero(row.info.started, k_go_zero_time); }},
    Field{"State", [](const Row& row) -> Json { return std::string(engine::state_name(row.info.state)); }},
    Field{"Status", [](const Row& row) -> Json { return container_status(row.info, row.at); }},
    Field{"MNT", [](const Row& row) -> Json { return shown_inode(row, "mnt"); }},
    Field{"Cgroup", [](const Row& row) -> Json { return shown_inode(row, "cgroup"); }},
    Field{"CGROUPNS", [](const Row& row) -> Json { return shown_inode(row, "cgroup"); }},
    Field{"IPC", [](const Row& row) -> Json { return shown_inode(row, "ipc"); }},
    Field{"NET", [](const Row& row) -> Json { return shown_inode(row, "net"); }},
    Field{"PIDNS", [](const Row& row) -> Json { return shown_inode(row, "pid"); }},
    Field{"UTS", [](const Row& row) -> Json { return shown_inode(row, "uts"); }},
    Field{"User", [](const Row& row) -> Json { return shown_inode(row, "user"); }},
    Field{"USERNS", [](const Row& row) -> Json { return shown_inode(row, "user"); }},
    Field{"Namespaces", all_inodes},
};

}  // namespace

std::string container_status(const ContainerInfo& info, TimePoint at) {
  if (info.state == ContainerState::running) {
    const std::string health = info.health.empty() ? "" : fmt::format(" ({})", info.health);
    return "Up " + human_duration(at - info.started.value_or(at)) + health;
  }
  if (info.state == ContainerState::exited) {
    return fmt::format("Exited ({}) {}", info.exit_code, ago(info.finished.value_or(at), at));
  }
  return capitalized(engine::state_name(info.state));
}

PsRows::PsRows(const PsOptions& options, TimePoint at, std::span<const std::string> columns)
    : options_(options), at_(at) {
  for (size_t i = 0; columns.empty() && i < k_fields.size(); ++i) fields_.push_back(i);
  for (const auto& column : columns) {
    const auto field = std::find_if(k_fields.begin(), k_fields.end(), [&](const auto& f) { return f.name == column; });
    CTR_ASSERT(field != k_fields.end());
    fields_.push_back(static_cast<size_t>(field - k_fields.begin()));
  }
}

Json PsRows::row(const PsEntry& entry) const {
  Json out = Json::object();
  for (size_t i = 0; i < fields_.size(); ++i) out.set(k_fields[fields_[i]].name, value(entry, i));
  return out;
}

Json PsRows::value(const PsEntry& entry, size_t column) const {
  return k_fields[fields_[column]].value({*entry.info, entry.size, options_, at_});
}

namespace {

Json ports_json(const ContainerInfo& info) {
  if (info.spec.ports.empty()) return Json();
  Json list = Json::array();
  for (const auto& mapping : engine::merge_neighbours(info.spec.ports)) {
    list.push(Json::object()
                  .set("host_ip", mapping.host_ip)
                  .set("container_port", uint64_t{mapping.container_port})
                  .set("host_port", uint64_t{mapping.host_port})
                  .set("range", uint64_t{mapping.range})
                  .set("protocol", mapping.protocol));
  }
  return list;
}

}  // namespace

Json ps_json(const PsEntry& entry, const PsOptions& options, TimePoint at) {
  const auto& info = *entry.info;
  Json namespaces = Json::object();
  for (const auto& field : k_namespaces) {
    const std::string inode = options.namespaces ? namespace_inode(info, field.proc) : "";
    if (!inode.empty()) namespaces.set(field.json, inode);
  }
  Json size;
  if (entry.size) size.set("rootFsSize", entry.size->rootfs_bytes).set("rwSize", entry.size->rw_bytes);
  Json out = Json::object();
  out.set("AutoRemove", info.spec.auto_remove)
      .set("Command", Json::strings(info.argv))
      .set("CreatedAt", ago(info.created, at))
      .set("CIDFile", info.spec.cid_file)
      .set("Exited", info.state == ContainerState::exited)
      .set("ExitedAt", unix_or_zero(info.finished, k_go_zero_time))
      .set("ExitCode", info.exit_code)
      .set("ExposedPorts", nullptr)
      .set("Id", info.id.hex)
      .set("Image", image_text(info))
      .set("ImageID", info.image_id)
      .set("IsInfra", false)
      .set("Labels", info.spec.labels.empty() ? Json() : Json::string_map(info.spec.labels))
      .set("Mounts", Json::strings(destinations(info)))
      .set("Names", Json::strings({info.name}))
      .set("Namespaces", std::move(namespaces))
      .set("Networks", Json::strings(networks(info)))
      .set("Pid", info.pid)
      .set("Pod", info.spec.pod)
      .set("PodName", pod_name(info, options))
      .set("Ports", ports_json(info))
      .set("Restarts", info.restart_count)
      .set("Size", std::move(size))
      .set("StartedAt", unix_or_zero(info.started, k_go_zero_time))
      .set("State", std::string(engine::state_name(info.state)))
      .set("Status", container_status(info, at))
      .set("Created", to_unix_seconds(info.created));
  return out;
}

Listing ps_listing(const PsOptions& options) {
  Listing listing;
  listing.name = "ps";
  listing.types = {.root = "containers.psReporter",
                   .maps = {"Labels"},
                   .aliases = {},
                   .nested = {},
                   .methods = {{"Label", "Labels"}}};
  listing.headings = {{"ID", "CONTAINER ID"},  {"CreatedHuman", "CREATED"},
                      {"Cgroup", "CGROUPNS"},  {"IPC", "IPC"},
                      {"MNT", "MNT"},          {"NET", "NET"},
                      {"PIDNS", "PIDNS"},      {"Pod", "POD ID"},
                      {"PodName", "PODNAME"},  {"RunningFor", "RUNNING FOR"},
                      {"UTS", "UTS"},          {"User", "USERNS"},
                      {"CIDFile", "CID FILE"}, {"ImageID", "IMAGE ID"}};
  if (options.namespaces) {
    listing.columns = {"ID", "Names", "Pid", "Cgroup", "IPC", "MNT", "NET", "PIDNS", "User", "UTS"};
    return listing;
  }
  listing.columns = {"ID", "Image", "Command", "CreatedHuman", "Status", "Ports", "Names"};
  if (options.pod) listing.columns.insert(listing.columns.end(), {"Pod", "PodName"});
  if (options.size) listing.columns.emplace_back("Size");
  return listing;
}

}  // namespace ctr::cli
