// load, and pull from files.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/fetch.h"
#include "engine/local_image.h"
#include "engine/transfer_session.h"
#include "runtime/host_facts.h"

namespace ctr::engine {
namespace {

// What is to be fetched, under the names that its archive gives it. A short one is docker's in an archive of docker,
// and localhost's elsewhere.
Result<FetchOrder> order_of(const LocalImage& image) {
  FetchOrder order{.chain = image.chain, .names = {}, .repo_digests = {}, .platform = {}, .event = "loadfromarchive"};
  for (const auto& name : image.names) {
    auto reference = TRY(oci::parse_reference(name).context("the archive names an image"));
    if (reference.is_short()) reference = TRY(oci::parse_reference(image.short_domain + "/" + name));
    reference.digest.reset();
    order.names.push_back(reference.with_default_tag().to_string());
    for (const auto& document : image.chain) {
      order.repo_digests.push_back(reference.name() + "@" + document.descriptor.digest.to_string());
    }
  }
  return order;
}

bool is_directory(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Result<std::unique_ptr<ImageFiles>> open_files(const storage::Store& store, const runtime::HostFacts& host,
                                               const std::string& path, const CancelToken& cancel) {
  if (is_directory(path)) return open_directory_files(path);
  Fd archive = path.empty() ? Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) : TRY(open_path(path, O_RDONLY));
  if (!archive.valid()) return Error::from_errno("duplicate standard input");
  return open_archive_files(host, std::move(archive), store.dir(), cancel);
}

}  // namespace

Result<std::vector<LoadedImage>> load_images(const EngineOptions& options, ProgressSink& progress,
                                             const LoadOptions& load) {
  const auto host = TRY(runtime::probe_host_facts(options.environment));
  const auto store = TRY(storage::Store::open(options.paths, options.cancel, options.log));
  TRY(store.sweep());
  const FetchSite site{options, progress, store, host};
  const auto what =
      load.input.empty() ? std::string("load from standard input") : fmt::format("load '{}'", printable(load.input));
  const auto files = TRY(open_files(store, host, load.input, options.cancel).context(what));
  const auto images = TRY(read_any_layout(*files, oci::host_platform()).context(what));
  std::vector<LoadedImage> loaded;
  for (const auto& image : images) {
    const auto order = TRY(order_of(image).context(what));
    FileOrigin origin(*files, image, progress, options.cancel);
    loaded.push_back({.id = TRY(fetch_image(site, origin, order).context(what)), .names = order.names});
  }
  return loaded;
}

}  // namespace ctr::engine
