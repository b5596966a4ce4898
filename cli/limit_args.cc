// What a container may use: the words of run, create, update and clone.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/parse.h"
#include "base/text.h"
#include "cli/spec_security.h"
#include "engine/limits.h"

namespace ctr::cli {
namespace {

using engine::ContainerSpec;

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

Result<std::optional<int64_t>> size_option(const Args& args, std::string_view name, bool unlimited) {
  if (!args.has(name)) return std::optional<int64_t>();
  const std::string text = args.text(name);
  if (unlimited && text == "-1") return std::optional<int64_t>(-1);
  const uint64_t size = TRY(parse_size(text, fmt::format("--{}", name)));
  if (size > INT64_MAX) return wrong(fmt::format("--{} {}: too large", name, text));
  return std::optional<int64_t>(static_cast<int64_t>(size));
}

// CPUs with a fraction become a quota of the default period. Source: kernel, cgroup-v2, cpu.max.
Result<void> add_cpus(const Args& args, engine::ResourceSpec& resources) {
  constexpr uint64_t k_period_us = 100'000;
  const std::string text = args.text("cpus");
  double cpus = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpus);
  if (error != std::errc() || end != text.data() + text.size() || !(cpus > 0) || cpus > 1e6) {
    return wrong(fmt::format("'{}' is not a valid number for --cpus", printable(text)));
  }
  if (resources.cpu_period_us || resources.cpu_quota_us) {
    return wrong("--cpus cannot be combined with --cpu-period or --cpu-quota");
  }
  resources.cpu_period_us = k_period_us;
  resources.cpu_quota_us = std::llround(cpus * static_cast<double>(k_period_us));
  return ok();
}

// What cgroup v2 does not have; the engine says what becomes of it.
Result<void> add_v1_limits(const Args& args, engine::ResourceSpec& resources) {
  if (args.has("cpu-rt-period")) {
    resources.cpu_rt_period_us = TRY(parse_unsigned(args.text("cpu-rt-period"), "--cpu-rt-period"));
  }
  resources.cpu_rt_runtime_us = TRY(args.number("cpu-rt-runtime"));
  const auto swappiness = TRY(args.number("memory-swappiness"));
  if (swappiness && (*swappiness < -1 || *swappiness > 100)) {
    return wrong(fmt::format("invalid value: {}, valid memory swappiness range is 0-100", *swappiness));
  }
  if (swappiness && *swappiness >= 0) resources.swappiness = static_cast<uint64_t>(*swappiness);
  resources.oom_kill_disable = args.flag("oom-kill-disable");
  return ok();
}

constexpr uint64_t k_least_weight = 10;
constexpr uint64_t k_most_weight = 1000;

// "/dev/sda:VALUE"
Result<std::pair<std::string, std::string>> device_and_value(const std::string& text) {
  const auto pair = split_once(text, ':');
  if (!pair || pair->second.find(':') != std::string::npos)
    return wrong(fmt::format("bad format: {}", printable(text)));
  if (!pair->first.starts_with("/dev/")) {
    return wrong(fmt::format("bad format for device path: {}", printable(text)));
  }
  return *pair;
}

Result<engine::DeviceLimit> weight_of_device(const std::string& text) {
  const auto [path, value] = TRY(device_and_value(text));
  const auto weight = parse_unsigned(value, "--blkio-weight-device", k_most_weight);
  if (!weight || (*weight > 0 && *weight < k_least_weight)) {
    return wrong(fmt::format("invalid weight for device: {}: it is within {} and {}", printable(text), k_least_weight,
                             k_most_weight));
  }
  return engine::DeviceLimit{.path = path, .value = *weight};
}

enum class Unit { bytes, operations };
Result<engine::DeviceLimit> rate_of_device(const std::string& text, Unit unit) {
  const auto [path, value] = TRY(device_and_value(text));
  const bool bytes = unit == Unit::bytes;
  const auto rate = bytes ? parse_size(value, "the rate") : parse_unsigned(value, "the rate");
  if (rate) return engine::DeviceLimit{.path = path, .value = *rate};
  return wrong(fmt::format(
      "invalid rate for device: {}. The correct format is <device-path>:<number>{}. Number must be "
      "a positive integer{}",
      printable(text), bytes ? "[<unit>]" : "", bytes ? ". Unit is optional and can be kb, mb, or gb" : ""));
}

Result<void> add_block_limits(const Args& args, engine::ResourceSpec& resources) {
  if (args.has("blkio-weight")) {
    const uint64_t weight = TRY(parse_unsigned(args.text("blkio-weight"), "--blkio-weight", UINT16_MAX));
    if (weight != 0 && (weight < k_least_weight || weight > k_most_weight)) {
      return wrong(fmt::format("--blkio-weight {}: range of blkio weight is from {} to {}", weight, k_least_weight,
                               k_most_weight));
    }
    resources.blkio_weight = static_cast<uint16_t>(weight);
  }
  for (const auto& text : args.list("blkio-weight-device")) {
    resources.blkio_weight_devices.push_back(TRY(weight_of_device(text)));
  }
  for (const auto& text : args.list("device-read-bps")) {
    resources.read_bps.push_back(TRY(rate_of_device(text, Unit::bytes)));
  }
  for (const auto& text : args.list("device-write-bps")) {
    resources.write_bps.push_back(TRY(rate_of_device(text, Unit::bytes)));
  }
  for (const auto& text : args.list("device-read-iops")) {
    resources.read_iops.push_back(TRY(rate_of_device(text, Unit::operations)));
  }
  for (const auto& text : args.list("device-write-iops")) {
    resources.write_iops.push_back(TRY(rate_of_device(text, Unit::operations)));
  }
  return ok();
}

}  // namespace

Result<engine::ResourceSpec> parse_limits(const Args& args) {
  engine::ResourceSpec resources;
  resources.memory_bytes = TRY(size_option(args, "memory", false));
  resources.memory_reservation_bytes = TRY(size_option(args, "memory-reservation", false));
  resources.memory_swap_bytes = TRY(size_option(args, "memory-swap", true));
  resources.pids = TRY(args.number("pids-limit"));
  if (resources.pids == 0) resources.pids = -1;  // podman: 0 and -1 both mean no limit
  if (resources.pids && *resources.pids < -1)
    return wrong(fmt::format("--pids-limit {}: is negative", *resources.pids));
  const auto unsigned_option = [&](std::string_view name) -> Result<std::optional<uint64_t>> {
    if (!args.has(name)) return std::optional<uint64_t>();
    return std::optional<uint64_t>(TRY(parse_unsigned(args.text(name), fmt::format("--{}", name))));
  };
  resources.cpu_shares = TRY(unsigned_option("cpu-shares"));
  resources.cpu_period_us = TRY(unsigned_option("cpu-period"));
  resources.cpu_quota_us = TRY(args.number("cpu-quota"));
  if (args.has("cpus")) TRY(add_cpus(args, resources));
  resources.cpuset_cpus = args.text("cpuset-cpus");
  resources.cpuset_mems = args.text("cpuset-mems");
  TRY(add_v1_limits(args, resources));
  TRY(add_block_limits(args, resources));
  return resources;
}

Result<void> add_resources(const Args& args, ContainerSpec& spec) {
  spec.resources = TRY(parse_limits(args));
  const auto& resources = spec.resources;
  if (resources.memory_swap_bytes && !resources.memory_bytes) return wrong("--memory-swap needs --memory");
  if (resources.memory_swap_bytes && *resources.memory_swap_bytes != -1 &&
      *resources.memory_swap_bytes < *resources.memory_bytes) {
    return wrong("--memory-swap counts memory and swap together: it must not be below --memory");
  }
  for (const auto& text : args.list("cgroup-conf")) {
    const auto pair = split_once(text, '=');
    if (!pair) return wrong(fmt::format("--cgroup-conf must be formatted KEY=VALUE: '{}'", printable(text)));
    spec.resources.unified[pair->first] = pair->second;
  }
  for (const auto& text : args.list("device-cgroup-rule")) {
    TRY(engine::parse_device_rule(text));
    spec.device_rules.push_back(text);
  }
  spec.rdt_class = args.text("rdt-class");
  if (const auto score = TRY(args.number("oom-score-adj"))) {
    if (*score < -1000 || *score > 1000)
      return wrong(fmt::format("--oom-score-adj {}: must be within -1000 and 1000", *score));
    spec.oom_score_adj = static_cast<int>(*score);
  }
  if (args.has("shm-size")) spec.shm_size_bytes = TRY(parse_size(args.text("shm-size"), "--shm-size"));
  return ok();
}

}  // namespace ctr::cli
