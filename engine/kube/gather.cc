#include "engine/kube/gather.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"
#include "engine/container_verbs.h"
#include "engine/pod_join.h"

namespace ctr::engine::kube {

namespace {

void note_host_path(const std::string& path, SourceContainer& source) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return;
  const auto mode = status.st_mode;
  const char* type = S_ISDIR(mode)    ? "Directory"
                     : S_ISREG(mode)  ? "File"
                     : S_ISSOCK(mode) ? "Socket"
                     : S_ISCHR(mode)  ? "CharDevice"
                     : S_ISBLK(mode)  ? "BlockDevice"
                                      : "";
  if (*type != '\0') source.host_paths.emplace(path, type);
}

// What a container was asked to be: the spec of a clone, under its own name.
Result<SourceContainer> source_of(Engine& engine, const ContainerInfo& info) {
  SourceContainer source;
  source.name = info.name;
  source.image = info.image_name;
  source.spec = TRY(container_verbs(engine).clone_spec(info.id));
  source.spec.name = info.name;
  source.spec.pod.clear();
  forget_pod_settings(source.spec);
  for (const auto& mount : source.spec.mounts) {
    if (mount.type == MountSpec::Type::bind) note_host_path(mount.source, source);
  }
  for (const auto& device : source.spec.devices) note_host_path(device.host_path, source);
  return source;
}

void add_anonymous(Engine& engine, SourcePod& pod) {
  for (const auto& container : pod.containers) {
    for (const auto& mount : container.spec.mounts) {
      if (mount.type != MountSpec::Type::volume) continue;
      const auto volume = engine.find_volume(mount.source, Engine::Lookup::exact);
      if (volume && volume->anonymous) pod.anonymous.push_back(mount.source);
    }
  }
}

Result<SourcePod> pod_of(Engine& engine, const PodInfo& info) {
  SourcePod pod;
  pod.name = info.name;
  pod.spec = info.spec;
  pod.origin = TRY(pod_verbs(engine).origin(info.id));
  for (const auto& member : info.members) {
    pod.containers.push_back(TRY(source_of(engine, TRY(engine.find_container(member.id.hex)))));
  }
  add_anonymous(engine, pod);
  return pod;
}

struct Found {
  std::vector<SourcePod> pods;
  std::vector<VolumeInfo> volumes;
  std::vector<SourceContainer> containers;
};

Result<void> find(Engine& engine, const std::string& name, Found& found) {
  auto container = engine.find_container(name);
  if (container) {
    if (!container->spec.pod.empty()) {
      return Error(Errc::invalid, fmt::format("container {} is associated with pod {}: use generate on the pod itself",
                                              container->name, container->spec.pod));
    }
    found.containers.push_back(TRY(source_of(engine, *container)));
    return ok();
  }
  if (container.error().code() != Errc::not_found) return std::move(container).error();
  auto pod = pod_verbs(engine).find(name);
  if (pod) {
    found.pods.push_back(TRY(pod_of(engine, *pod)));
    return ok();
  }
  if (pod.error().code() != Errc::not_found) return std::move(pod).error();
  auto volume = engine.find_volume(name);
  if (volume) {
    found.volumes.push_back(std::move(*volume));
    return ok();
  }
  if (volume.error().code() != Errc::not_found) return std::move(volume).error();
  return Error(Errc::not_found,
               fmt::format("name or ID \"{}\" not found: no such container, pod or volume", printable(name)));
}

}  // namespace

Result<Generated> generate(Engine& engine, const std::vector<std::string>& names, const GenerateOptions& options) {
  Found found;
  for (const auto& name : names) TRY(find(engine, name, found));
  if (!found.containers.empty()) {
    SourcePod pod;
    pod.name = pod_name_of(found.containers.front().name);
    pod.containers = std::move(found.containers);
    add_anonymous(engine, pod);
    found.pods.push_back(std::move(pod));
  }
  Generated generated;
  for (const auto& volume : found.volumes) generated.documents.push_back(generate_claim(volume));
  for (const auto& pod : found.pods) {
    auto one = TRY(generate_pod(pod, options));
    // Pods of one file may have the same ConfigMaps.
    for (auto& document : one.documents) {
      const auto& all = generated.documents;
      if (std::find(all.begin(), all.end(), document) == all.end()) generated.documents.push_back(std::move(document));
    }
    for (auto& warning : one.warnings) generated.warnings.push_back(std::move(warning));
  }
  return generated;
}

}  // namespace ctr::engine::kube
