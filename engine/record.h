// ContainerRecord: what is written once, when a container is created, as container.json in its directory.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "engine/spec.h"

namespace ctr::engine {

// A mount of the container as `inspect` shows it.
struct MountRecord {
  std::string type;  // "bind", "volume", "tmpfs", "image", …
  std::string name;  // of a volume
  std::string source;
  std::string destination;
  std::vector<std::string> options;
  bool writable = true;
  std::string propagation;
  bool anonymous = false;     // an anonymous volume: removed with the container by --rm and rm -v
  bool copy_up = true;        // of a volume: the first container fills it with what the image has at its place
  bool chown = false;         // U: the files belong to the container's user from each start on
  bool id_mapped = false;     // idmap: on the disk, files have the ids that the container sees
  std::string subpath = {};   // of a volume: what of it is mounted
  std::string image_id = {};  // of an image: hex
  // O: an overlay of this container over the source.
  bool overlay = false;
  // Where such an overlay keeps what is written, below the container's directory: emptied at each start. Empty: at a
  // place of the user's.
  std::string scratch = {};
  bool operator==(const MountRecord&) const = default;
};

struct ContainerRecord {
  std::string id;  // 64 lower-case hex digits
  std::string name;
  ContainerSpec spec;
  std::string image_name;    // full reference, empty for --rootfs
  std::string image_id;      // config digest, hex
  std::string image_digest;  // manifest digest "sha256:…"
  TimePoint created;
  std::vector<std::string> argv;  // effective command, entrypoint included
  std::vector<std::string> entrypoint;
  std::vector<std::string> env;  // complete
  std::string working_dir;
  std::string user;      // as asked or the image's
  std::string hostname;  // effective
  int stop_signal = 15;
  int stop_timeout_seconds = 10;
  std::string log_driver;  // "k8s-file" or "none"
  std::vector<MountRecord> mounts;
  std::vector<std::string> capabilities;  // bounding set, "CAP_CHOWN", sorted
  std::vector<std::string> effective_capabilities;
  std::vector<std::string> exposed_ports;  // "80/tcp"
  bool systemd = false;                    // made for systemd as the first process, see SystemdMode
  bool operator==(const ContainerRecord&) const = default;
};

// The part of a record that listings need; the record holds it, and nothing else stores it.
struct RecordSummary {
  std::string id;
  std::string name;
  std::string image_name;
  std::string image_id;
  std::string image_digest;
  TimePoint created;
  std::vector<std::string> argv;
  SpecSummary spec;
  bool operator==(const RecordSummary&) const = default;
};
RecordSummary summarize(const ContainerRecord& record);

// The schema number container.json carries; a larger one was written by a later version and is refused.
inline constexpr int k_record_schema = 1;

Json to_json(const ContainerRecord& record);
// Errors: corrupt, unsupported for a later schema (both numbers are named).
Result<ContainerRecord> parse_container_record(std::string_view document, const std::string& what);
// A document that spec_summary_from_json() reads and that has nothing else.
Json spec_summary_json(const ContainerSpec& spec);
// Equal to the summary of parse_container_record, without looking at the rest of the document. Errors: the same.
Result<RecordSummary> parse_record_summary(std::string_view document, const std::string& what);

}  // namespace ctr::engine
