#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/runtime/common.h"
#include "runtime/container/control.h"

namespace ctr::cli::runtime {
namespace {

using ctr::runtime::SpecResources;

constexpr std::array k_options = {
    value("blkio-weight", 0, "WEIGHT", "Share of block I/O, 10 to 1000"),
    value("cpu-burst", 0, "MICROSECONDS", "Unused quota that may be used later"),
    value("cpu-idle", 0, "0|1", "Run only when nothing else does"),
    value("cpu-period", 0, "MICROSECONDS", "Length of a period of the quota"),
    value("cpu-quota", 0, "MICROSECONDS", "Processor time in each period; -1: no limit"),
    value("cpu-rt-period", 0, "MICROSECONDS", "Of cgroup v1 only: refused"),
    value("cpu-rt-runtime", 0, "MICROSECONDS", "Of cgroup v1 only: refused"),
    value("cpu-share", 0, "SHARES", "Share of processor time, 2 to 262144"),
    value("cpuset-cpus", 0, "LIST", "Processors that may be used: 0-2,7"),
    value("cpuset-mems", 0, "LIST", "Memory nodes that may be used"),
    value("kernel-memory", 0, "BYTES", "Of cgroup v1 only: refused"),
    value("kernel-memory-tcp", 0, "BYTES", "Of cgroup v1 only: refused"),
    value("l3-cache-schema", 0, "LINE", "The shares of the last level of caches, of a container with intelRdt"),
    value("mem-bw-schema", 0, "LINE", "The shares of the memory bandwidth, of a container with intelRdt"),
    value("memory", 0, "BYTES", "Limit of memory; -1: none"),
    value("memory-reservation", 0, "BYTES", "Memory that is kept for it when memory is short"),
    value("memory-swap", 0, "BYTES", "Limit of memory and swap together; -1: none"),
    value("pids-limit", 0, "NUMBER", "Number of processes; -1: no limit"),
    value("resources", 'r', "FILE", "Read linux.resources of the specification from FILE, or from stdin with -"),
};

Result<SpecResources> read_resources(const std::string& path) {
  constexpr size_t k_limit_bytes = size_t{1} << 20;
  const std::string text = path == "-" ? TRY(read_all(STDIN_FILENO, k_limit_bytes, "stdin")) : TRY(read_file(path));
  const Json value = TRY(parse_json(text, path));
  const JsonReader reader(value, path);
  TRY(reader.expect_object());
  return ctr::runtime::resources_from_json(reader);
}

// Options as numbers into optional members.
class Numbers {
 public:
  explicit Numbers(const RuntimeArgs& args) : args_(args) {}

  Result<void> amount(const char* option, std::optional<int64_t>& out) const {
    if (!args_.has(option)) return ok();
    out = TRY(parse_signed(args_.text(option), fmt::format("--{}", option)));
    return ok();
  }
  template <typename T>
  Result<void> count(const char* option, std::optional<T>& out) const {
    if (!args_.has(option)) return ok();
    const uint64_t most = std::numeric_limits<T>::max();
    out = static_cast<T>(TRY(parse_unsigned(args_.text(option), fmt::format("--{}", option), most)));
    return ok();
  }
  // "64m" or bytes; -1 for no limit.
  Result<void> size(const char* option, std::optional<int64_t>& out) const {
    if (!args_.has(option)) return ok();
    const std::string text = args_.text(option);
    if (text == "-1") return out = -1, ok();
    const uint64_t bytes = TRY(parse_size(text, fmt::format("--{}", option)));
    if (bytes > INT64_MAX) return Error(Errc::invalid, fmt::format("--{}: '{}' is too large", option, printable(text)));
    out = static_cast<int64_t>(bytes);
    return ok();
  }

 private:
  const RuntimeArgs& args_;
};

template <typename T>
T& made(std::optional<T>& member) {
  if (!member) member.emplace();
  return *member;
}

Result<void> add_memory(const RuntimeArgs& args, SpecResources& out) {
  const Numbers numbers(args);
  for (const char* option : {"memory", "memory-reservation", "memory-swap", "kernel-memory", "kernel-memory-tcp"}) {
    if (!args.has(option)) continue;
    auto& memory = made(out.memory);
    TRY(numbers.size("memory", memory.limit));
    TRY(numbers.size("memory-reservation", memory.reservation));
    TRY(numbers.size("memory-swap", memory.swap));
    TRY(numbers.size("kernel-memory", memory.kernel));
    return numbers.size("kernel-memory-tcp", memory.kernel_tcp);
  }
  return ok();
}

Result<void> add_cpu(const RuntimeArgs& args, SpecResources& out) {
  const Numbers numbers(args);
  constexpr std::array k_names = {"cpu-burst",      "cpu-idle",  "cpu-period",  "cpu-quota",  "cpu-rt-period",
                                  "cpu-rt-runtime", "cpu-share", "cpuset-cpus", "cpuset-mems"};
  bool any = false;
  for (const char* option : k_names) any = any || args.has(option);
  if (!any) return ok();
  auto& cpu = made(out.cpu);
  TRY(numbers.count("cpu-burst", cpu.burst));
  TRY(numbers.amount("cpu-idle", cpu.idle));
  TRY(numbers.count("cpu-period", cpu.period));
  TRY(numbers.amount("cpu-quota", cpu.quota));
  TRY(numbers.count("cpu-rt-period", cpu.realtime_period));
  TRY(numbers.amount("cpu-rt-runtime", cpu.realtime_runtime));
  TRY(numbers.count("cpu-share", cpu.shares));
  if (args.has("cpuset-cpus")) cpu.cpus = args.text("cpuset-cpus");
  if (args.has("cpuset-mems")) cpu.mems = args.text("cpuset-mems");
  return ok();
}

Result<int> update(RuntimeContext& context, const RuntimeArgs& args) {
  const std::string& id = args.words()[0];
  SpecResources resources;
  if (args.has("resources")) resources = TRY(read_resources(args.text("resources")));
  TRY(add_memory(args, resources));
  TRY(add_cpu(args, resources));
  if (args.has("blkio-weight")) TRY(Numbers(args).count("blkio-weight", made(resources.block_io).weight));
  TRY(Numbers(args).amount("pids-limit", resources.pids_limit));
  ctr::runtime::SpecIntelRdt rdt;
  rdt.l3_cache_schema = args.text("l3-cache-schema");
  rdt.mem_bw_schema = args.text("mem-bw-schema");
  const bool changes_rdt = rdt != ctr::runtime::SpecIntelRdt{};
  if (resources == SpecResources{} && !changes_rdt) return Error(Errc::invalid, "update: no limit is named");
  const auto root = TRY(open_root(context, id));
  if (changes_rdt) TRY(ctr::runtime::update_container_rdt(root, id, rdt));
  if (resources == SpecResources{}) return 0;
  TRY(ctr::runtime::update_container(root, id, resources, TRY(probe_host(context))));
  return 0;
}

}  // namespace

const RuntimeCommand k_runtime_update = {.name = "update",
                                         .usage = "[OPTION]... CONTAINER",
                                         .summary = "Change the limits of a container",
                                         .options = k_options,
                                         .least_words = 1,
                                         .run = update};

}  // namespace ctr::cli::runtime
