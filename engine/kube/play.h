// Carries a plan out: volumes, secrets, pods and their containers are made and started, or nothing is left.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/kube/plan.h"
#include "engine/pods.h"

namespace ctr::engine::kube {

struct PlayOptions {
  PullOptions pull;  // its policy is that of each container
  bool start = true;
  std::vector<std::string> create_command;
  std::string default_network;  // Choices::default_network, which is made for the first pod in it
};

struct PlayedPod {
  PodId id;
  std::string name;
  std::vector<ContainerId> containers, init_containers;
};

struct PlayReport {
  std::vector<std::string> volumes;  // names, of claims
  std::vector<std::string> secrets;  // ids
  std::vector<PlayedPod> pods;
};

// Errors: those of creating and starting; everything made until then is gone again, unless the user wants to stop a
// second time (`forget_stop` takes note of the first).
Result<PlayReport> play(Engine& engine, const Plan& plan, const PlayOptions& options,
                        const std::function<void()>& forget_stop);

// What was taken away, and what could not be.
struct DownReport {
  std::vector<std::string> stopped, removed;  // ids of pods
  std::vector<std::string> secrets;           // ids
  std::vector<std::string> volumes;           // names
  std::vector<Error> errors;
};
enum class Claims { kept, removed };
// What is not there is no error.
DownReport take_down(Engine& engine, const Names& names, Claims claims);

}  // namespace ctr::engine::kube
