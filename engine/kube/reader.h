// The parts that read one kind of thing each; see plan.h for what comes of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/kube/fields.h"
#include "engine/kube/plan.h"

namespace ctr::engine::kube {

// Of times: ten years.
inline constexpr int64_t k_most_pod_seconds = 10LL * 365 * 24 * 3600;

struct Metadata {
  std::string name;
  std::map<std::string, std::string> labels, annotations;
};
// Reads the member "metadata". Errors: invalid without a name, unless one is not needed.
enum class NeedsName { no, yes };
Result<Metadata> read_metadata(Fields& document, NeedsName needs_name);

// ConfigMaps and Secrets by name.
struct Objects {
  std::map<std::string, DataObject> config_maps, secrets;
};
Result<DataObject> read_config_map(Fields& document);
Result<DataObject> read_secret(Fields& document);
Result<VolumeOptions> read_claim(Fields& document);
// The Secret as podman keeps it, and back. Errors: invalid.
std::string secret_document(const DataObject& secret);
Result<DataObject> parse_secret_document(const std::string& document, const std::string& name);

// nullptr when the reference is optional and there is no such object. `at` is where the name stands.
Result<const DataObject*> find_config_map(const Fields& at, const Objects& objects, const std::string& name,
                                          bool optional);
// Asks the store for what is in no file.
Result<const DataObject*> find_secret(const Fields& at, Objects& objects, const Choices& choices,
                                      const std::string& name, bool optional);

// A pod while it is read.
struct PodContext {
  const Choices& choices;
  Objects& objects;
  Source& source;
  std::string pod_name;
  Metadata metadata;
  std::optional<int> job_retries = {};  // of a Job
  std::string service_account = "default";
  RestartSpec restart = {};
  std::optional<std::chrono::seconds> grace_period = {};
  std::optional<std::chrono::seconds> deadline = {};
  // securityContext of the pod
  std::optional<int64_t> run_as_user = {}, run_as_group = {}, fs_group = {};
  std::vector<std::string> groups = {};
  bool run_as_non_root = false;
  std::string seccomp_profile = {}, apparmor_profile = {};
  bool label_disable = false;
  std::map<std::string, std::string> siblings = {};  // containers that have been read: names in the file, and whole
  std::map<std::string, uint16_t> port_names = {};
  std::map<std::string, ResourceSpec> resources = {};  // of all containers, by their names
};

// One of `volumes`, as containers mount it.
struct VolumeSource {
  enum class Kind { bind, volume, memory, image, device, claim };
  Kind kind = Kind::bind;
  std::string source;                 // path, volume or image
  std::vector<std::string> options;   // of a mount of it: "ro"
  std::optional<VolumeOptions> made;  // with the pod
  std::optional<PodMemory> memory;    // of the pod
  std::optional<HostPathCheck> check;
  Json origin;  // see origin.h
  std::string where;
  int users = 0;           // how many containers mount it
  bool is_shared = false;  // more than one, or in parts
};
using VolumeSources = std::map<std::string, VolumeSource>;
Result<VolumeSources> read_volumes(Fields& pod, PodContext& context);
// `volumeMounts` and `volumeDevices` of a container.
Result<void> read_mounts(Fields& container, const std::map<std::string, std::string>& env, VolumeSources& volumes,
                         ContainerSpec& spec);

// A fieldRef; files can have all labels or annotations. Errors: invalid for what is not known before the pod runs.
enum class FieldFor { variable, file };
Result<std::string> read_pod_field(Fields& fields, const PodContext& context, FieldFor use);
// A resourceFieldRef, of the container that it names, else of `own`; nullptr: there is no such.
Result<std::string> read_resource_field(Fields& fields, const ResourceSpec* own, const PodContext& context);

// env and envFrom: the variables, in order, and by name.
struct EnvPlan {
  std::vector<std::string> entries;
  std::map<std::string, std::string> values;
};
Result<EnvPlan> read_env(Fields& container, PodContext& context, const ResourceSpec& limits);
// $(NAME) replaced where there is such a variable; $$ is a dollar. `key` of `at` is where the text stands.
// Errors: as Fields::charge.
Result<std::string> expand(const Fields& at, std::string_view key, const std::string& text,
                           const std::map<std::string, std::string>& env);

Result<void> read_resources(Fields& container, ContainerSpec& spec);

// securityContext.
Result<void> read_pod_security(Fields& pod, PodContext& context, PodSpec& spec);
Result<void> read_container_security(Fields& container, const PodContext& context, ContainerPlan& plan);

// livenessProbe, readinessProbe, startupProbe and lifecycle.
using PortNames = std::map<std::string, uint16_t>;  // containerPorts that have a name
Result<void> read_probes(Fields& container, const PodContext& context, const PortNames& ports, ContainerPlan& plan);

Result<ContainerPlan> read_container(Fields& container, PodContext& context, VolumeSources& volumes, bool init,
                                     PodSpec& pod);

// The `spec` of a Pod, or of a template.
Result<PodPlan> read_pod(Fields& spec, PodContext& context);

}  // namespace ctr::engine::kube
