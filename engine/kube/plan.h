// What Kubernetes YAML asks for, in the words of the engine. Values.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/kube/fields.h"
#include "engine/pods.h"
#include "engine/spec.h"
#include "engine/volume_info.h"

namespace ctr::engine::kube {

// A ConfigMap or a Secret: texts and bytes by name.
struct DataObject {
  std::string name;
  std::map<std::string, std::string> data;
  std::map<std::string, std::string> labels;
  std::set<std::string> binary = {};  // of `data`: what is for files, and no variable
  bool operator==(const DataObject&) const = default;
};

// A hostPath, which is looked at, and perhaps made, before anything else is.
struct HostPathCheck {
  enum class Type { any, directory, directory_or_create, file, file_or_create, socket, char_device, block_device };
  std::string path;
  Type type = Type::any;
  std::string where;  // "FILE:LINE: PATH"
  bool operator==(const HostPathCheck&) const = default;
};

struct ContainerPlan {
  enum class Role { main, init, sidecar };
  std::string name;  // without the pod's
  Role role = Role::main;
  ContainerSpec spec;
  PullPolicy pull = PullPolicy::missing;
  bool not_root = false;  // runAsNonRoot without a user: the image's must not be root
  std::string where;      // "FILE:LINE: PATH"
  bool operator==(const ContainerPlan&) const = default;
};

struct PodPlan {
  std::string kind;  // "Pod", "Deployment", …
  PodSpec spec;
  std::vector<ContainerPlan> containers;  // in the order in which they start
  std::vector<VolumeOptions> volumes;     // that go with the pod
  std::vector<HostPathCheck> host_paths;
  Json origin;                                      // see origin.h; null: nothing
  std::map<std::string, uint16_t> port_names = {};  // of its containers
  bool operator==(const PodPlan&) const = default;
};

struct SecretPlan {
  std::string name;
  std::string document;  // the Secret as JSON, as podman keeps it
  std::map<std::string, std::string> labels;
  bool operator==(const SecretPlan&) const = default;
};

struct Plan {
  std::vector<VolumeOptions> claims;
  std::vector<SecretPlan> secrets;
  std::vector<PodPlan> pods;
  std::vector<std::string> warnings;
};

// What the command line says beside the file.
struct Choices {
  bool pod_prefix = true;  // containers are called POD-CONTAINER
  std::string seccomp_root = "/var/lib/kubelet/seccomp";
  std::map<std::string, std::string> annotations;
  LogSpec log;
  bool publish_all = false;  // containerPort without hostPort, too
  std::optional<NetworkChoice> network;
  std::string default_network;  // the user network of pods when neither the command nor the file says; empty: none
  std::optional<UsernsChoice> userns;
  bool no_hosts = false;
  bool no_hostname = false;
  std::vector<PortMapping> ports;  // of the (only) pod
  std::string node_name;           // this host, here and below; 0: not known
  int64_t node_cpus = 0, node_memory_bytes = 0;
  Unsupported unsupported = Unsupported::refused;
  // A secret of the store, for a Pod that names one that is in no file. Errors: not_found.
  std::function<Result<std::string>(const std::string& name)> read_secret;
};

struct InputFile {
  std::string name;  // as in messages
  std::string text;
};

// `config_maps` have ConfigMaps alone. Errors: invalid, as "FILE:LINE: PATH: …".
Result<Plan> plan_kube(const InputFile& file, const std::vector<InputFile>& config_maps, const Choices& choices);

// What `kube down` takes away.
struct Names {
  std::vector<std::string> pods, secrets, claims;
  std::vector<std::string> volumes;  // that a pod of the file may have left: they go when nothing uses them
};
Result<Names> names_in(const InputFile& file);

}  // namespace ctr::engine::kube
