// Devices of the Container Device Interface: files of the host say what a container needs for each of them.
// Source: CDI specification 1.0.0, https://github.com/cncf-tags/container-device-interface.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/spec.h"
#include "runtime/spec.h"

namespace ctr::engine {

// What a container gets for its devices.
struct CdiEdits {
  std::vector<std::string> env;
  std::vector<DeviceSpec> devices;
  std::vector<runtime::SpecMount> mounts;
  runtime::SpecHooks hooks;
  std::vector<uint32_t> groups;
  bool operator==(const CdiEdits&) const = default;
};

// One file of devices of one kind.
struct CdiFile {
  std::string path;
  std::string kind;  // "vendor.com/class"
  CdiEdits edits;    // for whoever has one of the devices
  std::map<std::string, CdiEdits> devices;
  bool operator==(const CdiFile&) const = default;
};

// "vendor.com/class=name", as it cannot be the path of a device.
bool is_cdi_name(std::string_view text);

// Errors: invalid, unsupported (what containers cannot be given here), naming file and member.
Result<CdiFile> parse_cdi_file(const Json& document, const std::string& path);

// The edits for devices by name, in their order. `folders` has the files of each folder; of the same name in two
// folders the later one counts, in two files of one folder neither does.
// Errors: not_found (a device that no file has), exists (one that two files have).
Result<CdiEdits> choose_cdi_edits(const std::vector<std::string>& names,
                                  const std::vector<std::vector<CdiFile>>& folders);

// The same from `dirs`. What is wrong with one file counts when a device is missing only.
Result<CdiEdits> find_cdi_edits(const std::vector<std::string>& names, const std::vector<std::string>& dirs);

}  // namespace ctr::engine
