// --filter: which containers, images, volumes and secrets a list of key=value pairs lets through.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/network_verbs.h"
#include "engine/pods.h"

namespace ctr::engine {

// How a filter that names another container or image finds it.
struct FilterContext {
  TimePoint now;
  // Creation time of the container, image or volume that before= and since= name.
  std::function<Result<TimePoint>(const std::string&)> created_of;
  // Ids (hex) and names of the image that ancestor= names and of nothing else; empty when unknown.
  std::function<Result<std::vector<std::string>>(const std::string&)> image_ids_of;
  // The id of the pod that pod= names; empty when there is none.
  std::function<Result<std::string>(const std::string&)> pod_id_of;
};

// Several values of one key are alternatives; keys and labels must all hold.
// Errors: invalid ("nosuch is an invalid filter").
Result<bool> container_matches(const ContainerInfo& info, const std::vector<ContainerFilter>& filters,
                               const FilterContext& context);
Result<bool> image_matches(const ImageInfo& info, const std::vector<ContainerFilter>& filters,
                           const FilterContext& context);
// Errors: as image_matches, whatever the store holds.
Result<void> check_image_filters(const std::vector<ContainerFilter>& filters, const FilterContext& context);
// Whether a filter says whether images with a name are meant: then `image prune` does not ask --all, as in docker.
bool filters_names(const std::vector<ContainerFilter>& filters);
// Errors: invalid ("\"nosuch\" is an invalid volume filter").
Result<bool> volume_matches(const VolumeInfo& info, const std::vector<ContainerFilter>& filters,
                            const FilterContext& context);
// Errors: invalid ("invalid filter \"nosuch\"").
Result<bool> network_matches(const NetworkInfo& info, const std::vector<ContainerFilter>& filters,
                             const FilterContext& context);
Result<bool> pod_matches(const PodInfo& info, const std::vector<ContainerFilter>& filters,
                         const FilterContext& context);
Result<bool> secret_matches(const SecretInfo& info, const std::vector<ContainerFilter>& filters);

}  // namespace ctr::engine
