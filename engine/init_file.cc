#include "engine/init_file.h"

#include <fmt/format.h>

#include "runtime/state.h"

namespace ctr::engine {

Result<Fd> open_init_file(const Dir& dir, const char* name, int flags) {
  const auto seen = TRY(runtime::observe(dir));
  const bool may_run = seen.liveness == runtime::Liveness::running || seen.liveness == runtime::Liveness::orphaned;
  if (!may_run || !seen.record.init) return Fd();
  const auto& init = *seen.record.init;
  auto file = open_path(fmt::format("/proc/{}/{}", init.pid, name), flags);
  if (!file && seen.record.initialized && file.error().code() == Errc::permission) {
    return Error(Errc::bad_state, "nobody may look into a container that waits to be started")
        .with_hint("`ctr start` lets its program run; `ctr stop` gives it up");
  }
  const auto still = runtime::process_ref(init.pid);
  if (!still && still.error().code() != Errc::not_found) return still.error();
  if (!still || *still != init) return Fd();
  return file;
}

}  // namespace ctr::engine
