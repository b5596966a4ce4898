// import: a tarball becomes an image of one layer.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/confined_worker.h"
#include "engine/fetch.h"
#include "engine/image_change.h"
#include "engine/image_files.h"
#include "engine/image_lookup.h"
#include "engine/local_image.h"
#include "engine/transfer_session.h"
#include "registry/fetch_url.h"
#include "storage/layer_measure.h"
#include "storage/spool.h"

namespace ctr::engine {
namespace {

constexpr const char* k_manifest_type = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* k_config_type = "application/vnd.oci.image.config.v1+json";
constexpr const char* k_layer_type = "application/vnd.oci.image.layer.v1.tar";
constexpr const char* k_config_name = "config";
constexpr const char* k_layer_name = "layer";

// The two files of the new image.
class NewFiles final : public ImageFiles {
 public:
  NewFiles(Fd config, uint64_t config_bytes, Fd layer, uint64_t layer_bytes)
      : config_(std::move(config)), config_bytes_(config_bytes), layer_(std::move(layer)), layer_bytes_(layer_bytes) {}
  Result<std::optional<FileSpan>> find(std::string_view name) const override {
    const bool is_config = name == k_config_name;
    return std::optional(FileSpan{.file = TRY((is_config ? config_ : layer_).duplicate()),
                                  .offset = 0,
                                  .size_bytes = is_config ? config_bytes_ : layer_bytes_});
  }

 private:
  Fd config_;
  uint64_t config_bytes_;
  Fd layer_;
  uint64_t layer_bytes_;
};

bool is_url(const std::string& source) { return source.starts_with("http://") || source.starts_with("https://"); }

// The tarball, open at its start. What comes over the network is kept in a nameless file first.
Result<Fd> open_source(const EngineOptions& options, const storage::Store& store, const std::string& source) {
  if (source == "-") {
    Fd input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!input.valid()) return Error::from_errno("duplicate standard input");
    return input;
  }
  if (!is_url(source)) return open_path(source, O_RDONLY);
  Fd file = TRY(storage::make_spool(store.dir()));
  const auto keep = [&](std::span<const std::byte> bytes) {
    return write_all(file.get(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "the download");
  };
  TRY(registry::fetch_url(source, "ctr/" + options.version, keep, options.cancel));
  if (::lseek(file.get(), 0, SEEK_SET) < 0) return Error::from_errno("rewind the download");
  return file;
}

Result<storage::MeasuredLayer> measure(const runtime::HostFacts& host, const Fd& input, const Fd& spool,
                                       const CancelToken& cancel) {
  const storage::SpoolRequest request{
      .input_fd = k_worker_first_fd, .spool_fd = k_worker_first_fd + 1, .answer_fd = k_worker_answer_fd};
  auto worker = TRY(ConfinedWorker::start(host, "measure", storage::to_json(request),
                                          {{input.get(), request.input_fd}, {spool.get(), request.spool_fd}}));
  return storage::measure_answer_from_json(TRY(worker.finish(cancel)));
}

Result<oci::ImageConfig> make_config(const ImportOptions& import, const storage::MeasuredLayer& layer, TimePoint now) {
  oci::ImageConfig config;
  config.created = now;
  config.platform = oci::host_platform();
  if (!import.os.empty()) config.platform.os = import.os;
  if (!import.architecture.empty()) {
    config.platform.architecture = import.architecture;
    config.platform.variant.clear();
  }
  if (!import.variant.empty()) config.platform.variant = import.variant;
  for (const auto& change : import.changes) TRY(apply_change(config, change));
  config.diff_ids = {layer.diff_id};
  config.history = {{.created = now,
                     .created_by = fmt::format("/bin/sh -c #(nop) ADD file:{} in /", layer.diff_id.digest.hex()),
                     .author = {},
                     .comment = import.message.empty() ? "imported from tarball" : import.message,
                     .empty_layer = false}};
  return config;
}

oci::Descriptor describe(std::string media_type, const Digest& digest, uint64_t size_bytes) {
  return {.media_type = std::move(media_type),
          .digest = digest,
          .size_bytes = size_bytes,
          .platform = {},
          .annotations = {}};
}

std::string layer_type(storage::Compression compression) {
  std::string type = k_layer_type;
  if (compression == storage::Compression::gzip) type += "+gzip";
  if (compression == storage::Compression::zstd) type += "+zstd";
  return type;
}

LocalImage make_image(const storage::MeasuredLayer& layer, const std::string& config_text) {
  oci::Manifest manifest{.media_type = k_manifest_type,
                         .config = describe(k_config_type, digest_of(config_text), config_text.size()),
                         .layers = {describe(layer_type(layer.compression), layer.digest, layer.size_bytes)},
                         .annotations = {}};
  LocalImage image;
  image.blobs = {{manifest.config.digest, k_config_name}, {layer.digest, k_layer_name}};
  auto text = dump_json(oci::to_json(manifest));
  auto descriptor = describe(k_manifest_type, digest_of(text), text.size());
  image.chain.push_back(
      {.descriptor = std::move(descriptor), .bytes = std::move(text), .parsed = std::move(manifest)});
  return image;
}

}  // namespace

Result<std::string> import_image(const EngineOptions& options, ProgressSink& progress, const ImportOptions& import) {
  // Mistakes of the user come before the work.
  oci::ImageConfig rehearsal;
  for (const auto& change : import.changes) TRY(apply_change(rehearsal, change));
  const auto name = import.reference.empty() ? "" : TRY(full_tag_name(import.reference));
  const auto host = TRY(runtime::probe_host_facts(options.environment));
  const auto store = TRY(storage::Store::open(options.paths, options.cancel, options.log));
  TRY(store.sweep());
  const auto what = "import '" + printable(import.source) + "'";
  const Fd input = TRY(open_source(options, store, import.source).context(what));
  Fd spool = TRY(storage::make_spool(store.dir()));
  const auto layer = TRY(measure(host, input, spool, options.cancel).context(what));
  const auto config = TRY(make_config(import, layer, now()));
  const auto config_text = dump_json(oci::to_json(config));
  const auto image = make_image(layer, config_text);
  Fd config_file = TRY(make_sealed_memfd("ctr-config", config_text));
  const NewFiles files(std::move(config_file), config_text.size(), std::move(spool), layer.size_bytes);
  FetchOrder order{.chain = image.chain, .names = {}, .repo_digests = {}, .platform = config.platform, .event = "import"};
  if (!name.empty()) {
    order.names = {name};
    order.repo_digests = {name.substr(0, name.rfind(':')) + "@" + image.chain.back().descriptor.digest.to_string()};
  }
  FileOrigin origin(files, image, progress, options.cancel);
  const FetchSite site{options, progress, store, host};
  return fetch_image(site, origin, order).context(what);
}

}  // namespace ctr::engine
