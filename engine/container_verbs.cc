#include "engine/container_verbs.h"

#include "engine/container_info.h"
#include "engine/rename.h"
#include "engine/top.h"

namespace ctr::engine {
namespace {

class LocalContainerVerbs final : public ContainerVerbs {
 public:
  explicit LocalContainerVerbs(Core& core) : core_(core) {}

  Result<void> rename(const ContainerId& id, const std::string& new_name) override {
    return rename_container(core_, TRY(storage_id(id)), new_name);
  }

  Result<std::vector<std::vector<std::string>>> top(const ContainerId& id,
                                                    const std::vector<std::string>& descriptors) override {
    return list_processes(core_, {TRY(storage_id(id)), ""}, descriptors);
  }

 private:
  Core& core_;
};

}  // namespace

std::unique_ptr<ContainerVerbs> make_container_verbs(Core& core) { return std::make_unique<LocalContainerVerbs>(core); }

}  // namespace ctr::engine
