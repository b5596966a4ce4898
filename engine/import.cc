#include "engine/import.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "engine/commit_config.h"
#include "engine/inflate.h"
#include "engine/made_image.h"
#include "engine/web_transfer.h"
#include "runtime/host_facts.h"
#include "storage/spool.h"
#include "storage/store.h"

namespace ctr::engine {
namespace {

bool is_url(const std::string& input) { return input.starts_with("http://") || input.starts_with("https://"); }

// As a file without a name in the store.
Result<Fd> fetch_input(const EngineOptions& options, const storage::Store& store, const std::string& url) {
  Fd file = TRY(storage::make_spool(store.dir()));
  TRY(fetch_file(url, file.get(), "ctr/" + options.version, options.cancel));
  if (::lseek(file.get(), 0, SEEK_SET) < 0) return Error::from_errno("read what was fetched");
  return file;
}

Result<Fd> open_input(const std::string& path) {
  if (path != "-") return open_path(path, O_RDONLY);
  Fd input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!input.valid()) return Error::from_errno("duplicate standard input");
  return input;
}

}  // namespace

Result<std::string> import_image(const EngineOptions& options, ProgressSink& progress, const ImportRequest& request) {
  const auto what = request.input == "-" ? std::string("import standard input")
                                         : fmt::format("import '{}'", printable(request.input));
  Fd input;
  if (!is_url(request.input)) input = TRY(open_input(request.input));
  const auto host = TRY(runtime::probe_host_facts(options.environment));
  const auto store = TRY(storage::Store::open(options.paths, options.cancel, options.log));
  TRY(store.sweep());
  if (!input.valid()) input = TRY(fetch_input(options, store, request.input).context(what));
  Fd layer_file = TRY(storage::make_spool(store.dir()));
  const auto packed = TRY(pack_stream(host, input.get(), layer_file.get(), options.cancel).context(what));
  MadeImage image{.layer_file = std::move(layer_file),
                  .layer = packed,
                  .config = TRY(import_config(request, oci::DiffId{packed.diff_id}, now())),
                  .base = {},
                  .format = CommitRequest::Format::oci,
                  .name = request.name,
                  .event = "import"};
  return store_made_image({options, progress, store, host}, std::move(image)).context(what);
}

}  // namespace ctr::engine
