#include "cli/inspect_view.h"

#include "base/text.h"

namespace ctr::cli {
namespace {

// podman's indentation for inspect.
constexpr int k_indent = 5;

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
  return listing;
}

Listing image_inspect_listing() {
  Listing listing;
  listing.name = "inspect";
  listing.types.root = "*inspect.ImageData";
  listing.types.maps = {"Labels", "Annotations", "ExposedPorts", "Volumes", "Data"};
  listing.types.aliases = {{"Arch", "Architecture"}};
  listing.types.nested = {{"Config", "*v1.ImageConfig"},
                          {"RootFS", "*inspect.RootFS"},
                          {"GraphDriver", "*inspect.DriverData"},
                          {"History", "v1.History"}};
  return listing;
}

Listing info_listing() {
  Listing listing;
  listing.name = "info";
  listing.types.root = "*define.Info";
  listing.types.maps = {"registries", "graphOptions", "graphStatus", "plugins"};
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
  listing.types.nested = {{"Client", "*define.Version"}};
  return listing;
}

Result<std::string> print_documents(const Listing& listing, const Json& documents, std::string_view format) {
  if (format.empty() || is_json_format(format)) {
    return dump_json(documents, {.indent = k_indent, .escape_html = false}) + "\n";
  }
  return print_format(listing, format, documents, Heading::yes);
}

}  // namespace ctr::cli
