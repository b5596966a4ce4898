#include "engine/logs.h"

#include <fmt/format.h>

#include "engine/container_info.h"
#include "engine/launch_record.h"
#include "engine/restart.h"
#include "runtime/log_file.h"

namespace ctr::engine {
namespace {

Result<runtime::LogSource> open_source(Core& core, const ContainerId& id) {
  const auto* store = TRY(core.store());
  const auto entry = TRY(storage_id(id));
  const auto dir = TRY(store->containers().open(entry));
  const auto record = TRY(read_record(dir));
  if (record.log_driver != "k8s-file") {
    return Error(Errc::bad_state, fmt::format("this container is using the '{}' log driver, cannot read logs: this "
                                              "container is not logging output",
                                              record.log_driver));
  }
  runtime::LogSource source;
  source.path = TRY(parse_launch_record(TRY(dir.read_file(k_launch_file)), k_launch_file)).log.path;
  source.watch_dir = store->containers().path(entry);
  source.ended = [store, entry] {
    const auto container = store->containers().open(entry);
    const auto seen = container ? runtime::observe(*container) : container.error();
    if (!seen) return true;
    // One that is about to be started again writes on.
    return seen->liveness != runtime::Liveness::running && !is_restart_pending(seen->record);
  };
  return source;
}

}  // namespace

Result<void> read_container_logs(Core& core, const std::vector<ContainerId>& ids, const LogOptions& options,
                                 const LogSink& sink) {
  std::vector<runtime::LogSource> sources;
  for (size_t i = 0; i < ids.size(); ++i) {
    sources.push_back(TRY(open_source(core, ids[i])));
    sources.back().sink = [&sink, i](const runtime::LogRecord& line) {
      return sink(i, {line.time, line.stream == runtime::Stream::stderr_, line.partial, line.text});
    };
  }
  const runtime::LogQuery query = {options.tail, options.since, options.until, options.follow};
  return runtime::read_logs(sources, query, core.cancel());
}

}  // namespace ctr::engine
