#include "engine/file_verbs.h"

#include "engine/core.h"
#include "engine/diff.h"

namespace ctr::engine {
namespace {

class LocalFileVerbs final : public FileVerbs {
 public:
  explicit LocalFileVerbs(Core& core) : core_(core) {}

  Result<std::vector<ChangedPath>> diff(TreeKind kind, const std::string& name, const std::string& base) override {
    return diff_named(core_, kind, name, base);
  }

 private:
  Core& core_;
};

}  // namespace

std::unique_ptr<FileVerbs> make_file_verbs(Core& core) { return std::make_unique<LocalFileVerbs>(core); }

}  // namespace ctr::engine
