// What archives of images and lists of images say, and the instructions of --change.
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/image_change.h"
#include "engine/list_document.h"
#include "engine/list_verbs.h"
#include "engine/local_image.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace ctr;          // NOLINT(google-build-using-namespace): a test
using namespace ctr::engine;  // NOLINT(google-build-using-namespace): a test

// Files that begin with a line "--- NAME", as an archive has them.
class Files final : public ImageFiles {
 public:
  explicit Files(std::string_view text) : file_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    CTR_ASSERT(::write(file_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    constexpr std::string_view k_mark = "--- ";
    size_t at = text.find(k_mark);
    while (at != std::string_view::npos) {
      const size_t name = at + k_mark.size();
      const size_t begin = std::min(text.find('\n', name), text.size() - 1) + 1;
      at = text.find(k_mark, begin);
      const size_t end = std::min(at, text.size());
      spans_[std::string(trim(text.substr(name, begin - name)))] = {begin, end - begin};
    }
  }

  Result<std::optional<FileSpan>> find(std::string_view name) const override {
    const auto found = spans_.find(name);
    if (found == spans_.end()) return std::optional<FileSpan>();
    return std::optional(FileSpan{Fd(::dup(file_.get())), found->second.first, found->second.second});
  }

 private:
  Fd file_;
  std::map<std::string, std::pair<uint64_t, uint64_t>, std::less<>> spans_;
};

void fuzz_archive(std::string_view text) {
  const oci::Platform platform{"linux", "amd64", ""};
  const Files files(text);
  for (const auto layout : {LocalLayout::docker_archive, LocalLayout::oci, LocalLayout::directory}) {
    const auto images = read_layout(layout, files, platform);
    if (!images) continue;
    for (const auto& image : *images) CTR_ASSERT(!image.chain.empty());
  }
  (void)find_layout(files);
  (void)read_docker_archive(files, {.name = "busybox:1", .index = std::nullopt});
  (void)read_oci_layout(files, {.name = {}, .index = 1}, platform);
}

void fuzz_list(std::string_view text) {
  const std::string list(text);
  const auto members = list_members(list);
  if (!members) return;
  for (const bool to_oci : {false, true}) {
    const auto converted = convert_list(list, to_oci);
    if (converted) CTR_ASSERT(list_members(*converted) && *list_members(*converted) == *members);
  }
  if (members->empty()) return;
  const auto& first = members->front();
  const auto shorter = remove_member(list, first);
  CTR_ASSERT(shorter && list_members(*shorter) && list_members(*shorter)->size() < members->size());
  ListMember change;
  change.architecture = "arm";
  change.annotations = {{"a", "b"}};
  const auto changed = change_member(list, first, change);
  if (changed) CTR_ASSERT(list_members(*changed) && *list_members(*changed) == *members);
  (void)has_variant(list, first, "zstd");
  (void)change_list(list, {{"a", "b"}}, Json());
}

}  // namespace

void fuzz(std::string_view text) {
  fuzz_archive(text);
  fuzz_list(text);
  oci::ImageConfig config;
  (void)apply_change(config, text);
}
