// Layers of images: compression, tar, and what becomes of the entries on disk.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "storage/unpack.h"
#include "tests/fuzz/fuzz.h"
#include "tests/temporary_dir.h"

namespace {

class Source final : public ctr::storage::ByteSource {
 public:
  explicit Source(std::string_view bytes) : rest_(bytes) {}
  ctr::Result<size_t> read(void* buffer, size_t size) override {
    size_t count = std::min(size, rest_.size());
    std::memcpy(buffer, rest_.data(), count);
    rest_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view rest_;
};

}  // namespace

void fuzz(std::string_view text) {
  static const ctr::test::TemporaryDir temporary;
  const ctr::Dir& dir = temporary.dir();
  CTR_ASSERT(dir.make_dir("target", 0755));
  auto target = dir.open_dir("target");
  CTR_ASSERT(target);
  ctr::storage::UnpackOptions options;
  options.owners.ignore = true;
  options.limits.files = 100;
  options.limits.total_bytes = options.limits.stream_bytes = size_t{1} << 20;
  Source source(text);
  auto layer = ctr::storage::unpack_layer(source, *target, options);
  if (!layer) CTR_ASSERT(layer.error().text().find('\n') == std::string::npos);
  // Nothing beside the target.
  auto beside = dir.list();
  CTR_ASSERT(beside && beside->size() == 1);
  CTR_ASSERT(remove_tree(dir, "target"));
}
