// What programs in containers have a hand in: their names in /proc, the lines of their logs, events about them.
#include "base/journal.h"
#include "engine/events.h"
#include "engine/process_facts.h"
#include "engine/running_row.h"
#include "engine/stats.h"
#include "runtime/cgroup_stats.h"
#include "runtime/log_file.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace ctr;          // NOLINT(google-build-using-namespace): a test
using namespace ctr::engine;  // NOLINT(google-build-using-namespace): a test

void fuzz_process(std::string_view text) {
  static constexpr std::string_view k_status =
      "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0 \nNSpid:\t7\t1\nNSpgid:\t7\t1\nVmRSS:\t 4 kB\nCapInh:\t0\n"
      "CapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\nCapAmb:\t0\nSeccomp:\t2\n";
  static constexpr std::string_view k_stat =
      "7 (sh) S 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 100 4096 1 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n";
  (void)parse_process(text, k_status);
  (void)parse_process(k_stat, text);
  const size_t half = text.find("\n\n");
  if (half != std::string_view::npos) (void)parse_process(text.substr(0, half), text.substr(half + 2));
  CTR_ASSERT(parse_process(k_stat, k_status));
}

void fuzz_lines(std::string_view text) {
  if (const auto record = runtime::parse_log_record(text)) CTR_ASSERT(record->text.size() <= text.size());
  (void)parse_journal_line(text);
  (void)parse_event_line(text);
  ContainerInfo info;
  (void)read_running_row("0123456789ab", text, info);
  (void)parse_network_use(text);
  (void)runtime::parse_io_stat(text);
}

}  // namespace

void fuzz(std::string_view text) {
  fuzz_process(text);
  fuzz_lines(text);
}
