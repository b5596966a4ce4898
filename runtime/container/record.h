// ContainerRecord: what create() made, for the commands that come after it (`<root>/<id>/state.json`).
//
// It names the container's processes and places; whether they live is asked of the kernel: see status.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "runtime/intel_rdt.h"
#include "runtime/launch.h"
#include "runtime/state.h"

namespace ctr::runtime {

struct ContainerRecord {
  std::string id;
  std::string oci_version;
  std::string bundle;  // absolute
  std::string rootfs;  // absolute
  TimePoint created = {};
  uint32_t uid = 0;  // effective, of who created it
  std::map<std::string, std::string> annotations;
  std::string boot_id;
  std::optional<ProcessRef> init;  // absent while it is being made
  bool ready = false;              // create has done its part
  std::string cgroup_path;         // below the v2 mount point; empty without one
  std::string cgroup_mount;        // that mount point
  std::string cgroup_unit;         // the scope of systemd that it is in; empty: of our own making
  bool cgroup_made = false;        // create made its directory, so that delete removes it
  std::optional<RdtGroup> rdt;     // with linux.intelRdt
  LaterSteps later;                // for the words of `start`
  SpecHooks hooks;                 // of them poststart and poststop
  bool operator==(const ContainerRecord&) const = default;
};

Json to_json(const ContainerRecord& record);
Result<ContainerRecord> container_record_from_json(const JsonReader& reader);
// Errors: not_found.
Result<ContainerRecord> read_record(const Dir& container_dir);
// By rename, not synced: the directory does not outlive the machine.
Result<void> write_record(const Dir& container_dir, const ContainerRecord& record);

}  // namespace ctr::runtime
