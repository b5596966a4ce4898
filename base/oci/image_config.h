// The image configuration. Source: OCI image-spec 1.1 "Image Configuration", Docker image spec 1.2.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/json.h"
#include "base/oci/platform.h"
#include "base/time.h"

namespace ctr::oci {

// Digest of one layer's uncompressed tar.
struct DiffId {
  Digest digest;
  bool operator==(const DiffId&) const = default;
  auto operator<=>(const DiffId&) const = default;
};
// Digest of a stack of layers. Source: OCI image-spec "Layer ChainID".
struct ChainId {
  Digest digest;
  bool operator==(const ChainId&) const = default;
};
ChainId chain_id(const std::vector<DiffId>& layers);

struct HealthConfig {
  std::vector<std::string> test;
  std::chrono::nanoseconds interval{0};
  std::chrono::nanoseconds timeout{0};
  std::chrono::nanoseconds start_period{0};
  int retries = 0;
  bool operator==(const HealthConfig&) const = default;
};

struct HistoryEntry {
  std::optional<TimePoint> created;
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;
  bool operator==(const HistoryEntry&) const = default;
};

struct ImageConfig {
  std::optional<TimePoint> created;
  std::string author;
  Platform platform;
  // The "config" member: defaults for running.
  std::string user;
  std::vector<std::string> env;  // entries without '=' or with an empty name are dropped when read
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::string working_dir;
  std::map<std::string, std::string> labels;
  std::set<std::string> exposed_ports;
  std::set<std::string> volumes;
  std::string stop_signal;
  std::vector<std::string> on_build;
  std::vector<std::string> shell;
  std::optional<HealthConfig> health;
  // "rootfs" and "history".
  std::vector<DiffId> diff_ids;
  std::vector<HistoryEntry> history;
  bool operator==(const ImageConfig&) const = default;
};

// Errors: corrupt (missing rootfs, wrong types), with the path of the member.
Result<ImageConfig> parse_image_config(std::string_view document);
Json to_json(const ImageConfig& config);

}  // namespace ctr::oci
