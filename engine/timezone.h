// --tz: the container's /etc/localtime, from the zones of the host.
#pragma once

#include <string>

#include "base/paths.h"
#include "base/result.h"
#include "runtime/rootfs_plan.h"
#include "storage/merged_view.h"

namespace ctr::engine {

struct Zone {
  std::string name;  // "Europe/Berlin"; empty for a local zone that is no file of the host's collection
  std::string path;  // absolute path of its file on the host
};

// The zone that "local" (the host's own) or a name means. The host's collection is $TZDIR, or /usr/share/zoneinfo.
// Errors: not_found, invalid; both name the zone.
Result<Zone> find_zone(const std::string& timezone, const Environment& environment);

// What sets the zone in a container: a link to the zone where the image has it too, since some programs read the zone's
// name from the link; else a copy of the host's file. Source: podman's --tz.
Result<runtime::RootEdit> zone_edit(const Zone& zone, const storage::MergedView& view);

}  // namespace ctr::engine
