#include "cli/pod_view.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ctr::cli {
namespace {

using engine::PodInfo;
using engine::PodMember;

std::string shown(const std::string& id, const PodListOptions& options) {
  return options.whole_ids ? id : id.substr(0, 12);
}

template <typename Text>
std::string of_members(const PodInfo& info, const Text& text) {
  std::vector<std::string> words;
  for (const auto& member : info.members) words.push_back(text(member));
  return join(words, ",");
}

std::vector<std::string> networks(const PodInfo& info) {
  std::vector<std::string> names;
  for (const auto& attachment : info.spec.shared.network.networks) names.push_back(attachment.network);
  return names;
}

}  // namespace

Json pod_row(const PodInfo& info, const PodListOptions& options, TimePoint at) {
  return Json::object()
      .set("Cgroup", info.spec.shared.cgroup_parent)
      .set("ContainerIds", of_members(info, [&](const PodMember& member) { return shown(member.id.hex, options); }))
      .set("ContainerNames", of_members(info, [](const PodMember& member) { return member.name; }))
      .set("ContainerStatuses",
           of_members(info, [](const PodMember& member) { return std::string(state_name(member.state)); }))
      .set("Created", human_duration(elapsed(info.created, at)) + " ago")
      .set("ID", shown(info.id.hex, options))
      .set("Id", shown(info.id.hex, options))
      .set("InfraID", "")
      .set("InfraId", "")
      .set("Labels", Json::string_map(info.spec.shared.labels))
      .set("Name", info.name)
      .set("Namespace", "")
      .set("Networks", join(networks(info), ","))
      .set("NumberOfContainers", static_cast<int64_t>(info.members.size()))
      .set("RestartPolicy", std::string(policy_word(info.spec.shared.restart.policy)))
      .set("Status", std::string(state_name(info.state)));
}

Json pod_json(const PodInfo& info) {
  Json members = Json::array();
  for (const auto& member : info.members) {
    members.push(Json::object()
                     .set("Id", member.id.hex)
                     .set("Names", member.name)
                     .set("Status", std::string(state_name(member.state)))
                     .set("RestartCount", member.restart_count));
  }
  return Json::object()
      .set("Cgroup", info.spec.shared.cgroup_parent)
      .set("Containers", std::move(members))
      .set("Created", format_rfc3339_nano(info.created))
      .set("Id", info.id.hex)
      .set("InfraId", "")
      .set("Name", info.name)
      .set("Namespace", "")
      .set("Networks", Json::strings(networks(info)))
      .set("Status", std::string(state_name(info.state)))
      .set("Labels", Json::string_map(info.spec.shared.labels));
}

Listing pod_listing(const PodListOptions& options) {
  Listing listing;
  listing.name = "list";
  listing.types.root = "pods.ListPodReporter";
  listing.types.maps = {"Labels"};
  listing.headings = {{"ID", "POD ID"},
                      {"Id", "POD ID"},
                      {"InfraID", "INFRA ID"},
                      {"InfraId", "INFRA ID"},
                      {"Cgroup", "CGROUP"},
                      {"Namespace", "NAMESPACES"},
                      {"NumberOfContainers", "# OF CONTAINERS"},
                      {"ContainerIds", "IDS"},
                      {"ContainerNames", "NAMES"},
                      {"ContainerStatuses", "STATUS"}};
  listing.columns = {"ID", "Name", "Status", "Created", "InfraID"};
  if (options.namespaces) {
    for (const auto* column : {"Cgroup", "Namespace"}) listing.columns.emplace_back(column);
  }
  const size_t usual = listing.columns.size();
  if (options.container_ids) listing.columns.emplace_back("ContainerIds");
  if (options.container_names) listing.columns.emplace_back("ContainerNames");
  if (options.container_status) listing.columns.emplace_back("ContainerStatuses");
  if (listing.columns.size() == usual) listing.columns.emplace_back("NumberOfContainers");
  return listing;
}

Listing pod_inspect_listing() {
  Listing listing;
  listing.name = "inspect";
  listing.types.root = "*define.InspectPodData";
  listing.types.maps = {"Labels", "PortBindings"};
  listing.types.nested = {{"InfraConfig", "define.InspectPodInfraConfig"},
                          {"Containers", "define.InspectPodContainerInfo"}};
  return listing;
}

}  // namespace ctr::cli
