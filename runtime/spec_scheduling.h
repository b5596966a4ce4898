// Codecs of the scheduling values of a process; each reader checks ranges and contradictions.
#pragma once

#include "runtime/spec_process.h"

namespace ctr::runtime {

Json to_json(const SpecScheduler& scheduler);
Result<SpecScheduler> scheduler_from_json(const JsonReader& reader);
Json to_json(const SpecIoPriority& io);
Result<SpecIoPriority> io_priority_from_json(const JsonReader& reader);
Json to_json(const SpecCpuAffinity& affinity);
Result<SpecCpuAffinity> cpu_affinity_from_json(const JsonReader& reader);

}  // namespace ctr::runtime
