// load, and pull from files.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/fetch.h"
#include "engine/image_signatures.h"
#include "engine/local_image.h"
#include "engine/transfer_session.h"
#include "engine/transport.h"
#include "registry/trust.h"
#include "runtime/host_facts.h"

namespace ctr::engine {
namespace {

// What is to be fetched, under the names that its archive gives it. A short one is docker's in an archive of docker,
// and localhost's elsewhere.
Result<FetchOrder> order_of(const LocalImage& image, std::string event) {
  FetchOrder order{.chain = image.chain, .names = {}, .repo_digests = {}, .platform = {}, .event = std::move(event)};
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

// What policy.json calls the way that an image comes. An archive of what "dir" writes has no name of its own there.
std::string_view transport_of(LocalLayout layout, bool is_dir) {
  if (layout == LocalLayout::oci) return is_dir ? "oci" : "oci-archive";
  return layout == LocalLayout::directory && is_dir ? "dir" : "docker-archive";
}

// The policy is asked when it is known what kind of archive or directory it is, before an image is read from it.
Result<registry::TrustDemand> demand_of_files(const EngineOptions& options, LocalLayout layout,
                                              const std::string& path) {
  const auto policy = TRY(registry::load_trust_policy(options.paths));
  return registry::demand_of(policy, transport_of(layout, is_directory(path)), path);
}

// The images that a location means, called as podman calls them: those of a directory have no name unless one is typed.
Result<std::vector<LocalImage>> read_location(const ImageFiles& files, const ImageLocation& location,
                                              const oci::Platform& platform) {
  const LocalSelector selector{location.name, location.index};
  if (location.transport == Transport::docker_archive) return read_docker_archive(files, selector);
  std::vector<LocalImage> images;
  if (location.transport == Transport::dir) {
    images.push_back(TRY(read_image_directory(files, platform)));
    images.front().names.clear();
    return images;
  }
  if (location.index) {
    return Error(Errc::unsupported, fmt::format("'@{}': images of {} are chosen by name", *location.index,
                                                transport_name(location.transport)));
  }
  images = TRY(read_oci_layout(files, selector, platform));
  if (images.size() > 1) {
    return Error(Errc::invalid, "more than one image in oci, choose an image")
        .with_hint(fmt::format("write {}:{}:NAME", transport_name(location.transport), printable(location.path)));
  }
  if (location.transport == Transport::oci) images.front().names.clear();
  if (!location.name.empty()) images.front().names = {location.name};
  return images;
}

}  // namespace

Result<std::vector<std::string>> pull_from_files(const EngineOptions& options, ProgressSink& progress,
                                                 const ImageLocation& location, const PullOptions& pull) {
  const auto host = TRY(runtime::probe_host_facts(options.environment));
  const auto store = TRY(storage::Store::open(options.paths, options.cancel, options.log));
  TRY(store.sweep());
  const FetchSite site{options, progress, store, host};
  const auto what = fmt::format("initializing source {}", location_text(location));
  const auto policy = TRY(registry::load_trust_policy(options.paths));
  const auto demand = TRY(registry::demand_of(policy, transport_name(location.transport), location.path));
  const auto layout = location.transport == Transport::dir ? LocalLayout::directory : LocalLayout::oci;
  progress.trying(location_text(location));
  const auto files = TRY(open_files(store, host, location.path, options.cancel).context(what));
  const auto images = TRY(read_location(*files, location, pull.platform.value_or(oci::host_platform())).context(what));
  std::vector<std::string> ids;
  for (const auto& image : images) {
    TRY(check_file_signatures(options, demand, *files, image, layout));
    auto order = TRY(order_of(image, "pull").context(what));
    order.platform = pull.platform;
    FileOrigin origin(*files, image, progress, options.cancel);
    ids.push_back(TRY(fetch_image(site, origin, order).context(what)));
  }
  return ids;
}

Result<std::vector<LoadedImage>> load_images(const EngineOptions& options, ProgressSink& progress,
                                             const LoadOptions& load) {
  const auto host = TRY(runtime::probe_host_facts(options.environment));
  const auto store = TRY(storage::Store::open(options.paths, options.cancel, options.log));
  TRY(store.sweep());
  const FetchSite site{options, progress, store, host};
  const auto what =
      load.input.empty() ? std::string("load from standard input") : fmt::format("load '{}'", printable(load.input));
  const auto files = TRY(open_files(store, host, load.input, options.cancel).context(what));
  const auto layout = TRY(find_layout(*files).context(what));
  const auto demand = TRY(demand_of_files(options, layout, load.input));
  const auto images = TRY(read_layout(layout, *files, oci::host_platform()).context(what));
  std::vector<LoadedImage> loaded;
  for (const auto& image : images) {
    TRY(check_file_signatures(options, demand, *files, image, layout));
    const auto order = TRY(order_of(image, "loadfromarchive").context(what));
    FileOrigin origin(*files, image, progress, options.cancel);
    loaded.push_back({.id = TRY(fetch_image(site, origin, order).context(what)), .names = order.names});
  }
  return loaded;
}

}  // namespace ctr::engine
