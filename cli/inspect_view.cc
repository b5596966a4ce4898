#include "cli/inspect_view.h"

#include "base/text.h"

namespace ctr::cli {
namespace {

// podman's indentation for inspect.
constexpr int k_indent = 5;

// Members of Go's structs by what they are when there is nothing in them.
struct Zeros {
  std::string type;
  std::vector<std::string> lists, maps, texts, pointers;
};

void add_zeros(const Zeros& zeros, TemplateTypes& types) {
  const auto add = [&](const std::vector<std::string>& names, const Json& zero) {
    for (const auto& name : names) types.zeros[zeros.type + "." + name] = zero;
  };
  add(zeros.lists, Json::array());
  add(zeros.maps, Json::object());
  add(zeros.texts, "");
  add(zeros.pointers, nullptr);
}

// Source: podman, libpod/define/container_inspect.go.
void add_container_zeros(TemplateTypes& types) {
  add_zeros({.type = "*define.InspectContainerData",
             .lists = {"Args", "EffectiveCaps", "BoundingCaps", "ExecIDs", "Mounts", "Dependencies"},
             .maps = {},
             .texts = {},
             .pointers = {"SizeRw"}},
            types);
  types.zeros["*define.InspectContainerData.SizeRootFs"] = 0;
  add_zeros({.type = "*define.InspectContainerConfig",
             .lists = {"Env", "Cmd", "Entrypoint", "CreateCommand", "Secrets", "ChrootDirs"},
             .maps = {"Volumes", "Labels", "Annotations", "ExposedPorts"},
             .texts = {"Timezone", "Umask", "User", "WorkingDir", "StopSignal", "SystemdMode"},
             .pointers = {"Healthcheck", "StartupHealthCheck", "OnBuild"}},
            types);
  add_zeros({.type = "*define.InspectContainerHostConfig",
             .lists = {"Binds", "VolumesFrom", "CapAdd", "CapDrop", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts",
                       "GroupAdd", "Links", "SecurityOpt", "Devices", "Ulimits", "ConsoleSize", "BlkioWeightDevice",
                       "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"},
             .maps = {"PortBindings", "Annotations", "Tmpfs", "CgroupConf"},
             .texts = {"IntelRdtClosID", "HostsFile"},
             .pointers = {"IDMappings"}},
            types);
  add_zeros({.type = "*define.InspectNetworkSettings",
             .lists = {"SecondaryIPAddresses", "SecondaryIPv6Addresses", "AdditionalMacAddresses"},
             .maps = {"Ports", "Networks"},
             .texts = {},
             .pointers = {}},
            types);
  add_zeros({.type = "*define.HealthCheckResults", .lists = {"Log"}, .maps = {}, .texts = {}, .pointers = {}}, types);
}

// Source: podman, pkg/inspect; image-spec, specs-go/v1/config.go.
void add_image_zeros(TemplateTypes& types) {
  add_zeros({.type = "*inspect.ImageData",
             .lists = {"RepoTags", "RepoDigests", "History", "NamesHistory"},
             .maps = {"Labels", "Annotations"},
             .texts = {"User", "ManifestType"},
             .pointers = {"HealthCheck", "Healthcheck"}},
            types);
  add_zeros({.type = "*v1.ImageConfig",
             .lists = {"Env", "Entrypoint", "Cmd"},
             .maps = {"ExposedPorts", "Volumes", "Labels"},
             .texts = {"User", "WorkingDir", "StopSignal"},
             .pointers = {}},
            types);
  types.zeros["*v1.ImageConfig.ArgsEscaped"] = false;
  types.zeros["v1.History.EmptyLayer"] = false;
  add_zeros({.type = "v1.History",
             .lists = {},
             .maps = {},
             .texts = {"CreatedBy", "Author", "Comment"},
             .pointers = {"Created"}},
            types);
}

}  // namespace

Listing container_inspect_listing() {
  Listing listing;
  listing.name = "inspect";
  listing.types.root = "*define.InspectContainerData";
  listing.types.maps = {"Labels",  "Annotations",   "Ports", "PortBindings", "Networks", "Tmpfs",
                        "Volumes", "Config.Labels", "Data",  "ExposedPorts", "Sysctls",  "DriverOpts"};
  listing.types.aliases = {{"Healthcheck", "Health"},
                           {"ImageID", "Image"},
                           {"Src", "Source"},
                           {"Dst", "Destination"},
                           {"OCIRuntime", "OCIRuntime"}};
  listing.types.nested = {{"State", "*define.InspectContainerState"},
                          {"Config", "*define.InspectContainerConfig"},
                          {"HostConfig", "*define.InspectContainerHostConfig"},
                          {"NetworkSettings", "*define.InspectNetworkSettings"},
                          {"Mounts", "define.InspectMount"},
                          {"GraphDriver", "*define.DriverData"},
                          {"Health", "*define.HealthCheckResults"},
                          {"LogConfig", "*define.InspectLogConfig"},
                          {"RestartPolicy", "*define.InspectRestartPolicy"}};
  add_container_zeros(listing.types);
  listing.types.times = {"*define.InspectContainerData.Created", "*define.InspectContainerState.StartedAt",
                         "*define.InspectContainerState.FinishedAt", "*define.InspectContainerState.CheckpointedAt",
                         "*define.InspectContainerState.RestoredAt"};
  return listing;
}

Listing image_inspect_listing() {
  Listing listing;
  listing.name = "inspect";
  listing.types.root = "*inspect.ImageData";
  listing.types.maps = {"Labels", "Annotations", "ExposedPorts", "Volumes", "Data"};
  listing.types.aliases = {{"Arch", "Architecture"}, {"HealthCheck", "Healthcheck"}};
  listing.types.nested = {{"Config", "*v1.ImageConfig"},
                          {"RootFS", "*inspect.RootFS"},
                          {"GraphDriver", "*inspect.DriverData"},
                          {"History", "v1.History"}};
  add_image_zeros(listing.types);
  listing.types.times = {"*inspect.ImageData.Created", "v1.History.Created"};
  return listing;
}

Listing info_listing() {
  Listing listing;
  listing.name = "info";
  listing.types.root = "*define.Info";
  listing.types.maps = {"registries", "graphOptions", "graphStatus", "plugins",
                        "Registries", "GraphOptions", "GraphStatus", "Plugins"};
  listing.types.aliases = {{"CgroupsVersion", "cgroupVersion"},
                           {"CgroupsManager", "cgroupManager"},
                           {"DefaultCapabilities", "capabilities"}};
  listing.types.nested = {{"host", "*define.HostInfo"},
                          {"Host", "*define.HostInfo"},
                          {"store", "*define.StoreInfo"},
                          {"Store", "*define.StoreInfo"}};
  return listing;
}

Listing version_listing() {
  Listing listing;
  listing.name = "version";
  listing.types.root = "*types.SystemVersionReport";
  listing.types.nested = {{"Client", "*define.Version"}, {"Server", "*define.Version"}};
  return listing;
}

Result<std::string> print_documents(const Listing& listing, const Json& documents, std::string_view format) {
  if (format.empty() || is_json_format(format)) {
    return dump_json(documents, {.indent = k_indent, .escape_html = false}) + "\n";
  }
  return print_format(listing, format, documents, Heading::yes);
}

}  // namespace ctr::cli
