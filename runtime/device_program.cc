#include "runtime/device_program.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/text.h"

namespace ctr::runtime {
namespace {

// Which register holds what. R1 is the context at the start.
enum Register : uint8_t {
  k_result = BPF_REG_0,
  k_context = BPF_REG_1,
  k_type = BPF_REG_2,
  k_wanted = BPF_REG_3,
  k_major = BPF_REG_4,
  k_minor = BPF_REG_5,
  k_scratch = BPF_REG_6
};

constexpr uint32_t k_all_access = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
// Far below BPF_MAXINSNS of a privileged program (a million): ten instructions a rule.
constexpr size_t k_rule_limit = 10'000;

bpf_insn instruction(int code, uint8_t destination, uint8_t source, int16_t offset, int32_t immediate) {
  bpf_insn out{};
  out.code = static_cast<uint8_t>(code);
  out.dst_reg = destination & 0xf;
  out.src_reg = source & 0xf;
  out.off = offset;
  out.imm = immediate;
  return out;
}

bpf_insn load(uint8_t to, size_t offset) {
  return instruction(BPF_LDX | BPF_MEM | BPF_W, to, k_context, static_cast<int16_t>(offset), 0);
}
bpf_insn operate(int operation, uint8_t to, int64_t value) {
  return instruction(BPF_ALU | operation | BPF_K, to, 0, 0, static_cast<int32_t>(value));
}
bpf_insn copy(uint8_t to, uint8_t from) { return instruction(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0); }
bpf_insn jump(int condition, uint8_t of, int64_t value) {
  return instruction(BPF_JMP32 | condition | BPF_K, of, 0, 0, static_cast<int32_t>(value));
}
bpf_insn leave() { return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

struct Rule {
  bool allow = false;
  int32_t type = 0;  // BPF_DEVCG_DEV_CHAR, BPF_DEVCG_DEV_BLOCK; 0: both
  std::optional<uint32_t> major = {};
  std::optional<uint32_t> minor = {};
  uint32_t access = k_all_access;
};

Result<std::optional<uint32_t>> device_number(const char* what, const std::optional<int64_t>& value) {
  // -1 is what some write for "any".
  if (!value || *value == -1) return std::optional<uint32_t>();
  if (*value < 0 || *value > std::numeric_limits<uint32_t>::max()) {
    return Error(Errc::invalid, fmt::format("resources.devices: {} {} is not a number of a device", what, *value));
  }
  return std::optional<uint32_t>(static_cast<uint32_t>(*value));
}

Result<Rule> to_rule(const SpecDeviceRule& spec) {
  Rule rule{.allow = spec.allow};
  if (spec.type == "c") rule.type = BPF_DEVCG_DEV_CHAR;
  if (spec.type == "b") rule.type = BPF_DEVCG_DEV_BLOCK;
  if (rule.type == 0 && !spec.type.empty() && spec.type != "a") {
    return Error(Errc::invalid, fmt::format("resources.devices: type '{}' is not a, b or c", printable(spec.type)));
  }
  rule.major = TRY(device_number("major", spec.major));
  rule.minor = TRY(device_number("minor", spec.minor));
  if (!spec.access.empty()) rule.access = 0;
  for (const char letter : spec.access) {
    const uint32_t bit = letter == 'r'   ? BPF_DEVCG_ACC_READ
                         : letter == 'w' ? BPF_DEVCG_ACC_WRITE
                         : letter == 'm' ? BPF_DEVCG_ACC_MKNOD
                                         : 0;
    if (bit == 0) {
      return Error(Errc::invalid,
                   fmt::format("resources.devices: access '{}' is not of r, w and m", printable(spec.access)));
    }
    rule.access |= bit;
  }
  return rule;
}

// Denying needs one of the accesses to be denied; allowing takes those that are allowed off the list, until it is
// empty.
void add_rule(const Rule& rule, std::vector<bpf_insn>* out) {
  const size_t begin = out->size();
  std::vector<size_t> misses;
  const auto require = [&](uint8_t of, int64_t value) {
    misses.push_back(out->size());
    out->push_back(jump(BPF_JNE, of, value));
  };
  if (rule.type != 0) require(k_type, rule.type);
  if (rule.major) require(k_major, *rule.major);
  if (rule.minor) require(k_minor, *rule.minor);
  if (rule.allow) {
    out->push_back(operate(BPF_AND, k_wanted, ~rule.access & k_all_access));
    misses.push_back(out->size());
    out->push_back(jump(BPF_JNE, k_wanted, 0));
  } else {
    out->push_back(copy(k_scratch, k_wanted));
    out->push_back(operate(BPF_AND, k_scratch, rule.access));
    misses.push_back(out->size());
    out->push_back(jump(BPF_JEQ, k_scratch, 0));
  }
  out->push_back(operate(BPF_MOV, k_result, rule.allow ? 1 : 0));
  out->push_back(leave());
  CTR_ASSERT(out->size() - begin < 16);
  for (const size_t miss : misses) (*out)[miss].off = static_cast<int16_t>(out->size() - miss - 1);
}

// Source: runtime-spec config-linux.md "Default Devices"; the numbers are those of
// Documentation/admin-guide/devices.txt.
std::vector<Rule> default_rules() {
  std::vector<Rule> out;
  for (const int32_t type : {BPF_DEVCG_DEV_CHAR, BPF_DEVCG_DEV_BLOCK}) {
    // A node alone opens nothing.
    out.push_back({.allow = true, .type = type, .major = {}, .minor = {}, .access = BPF_DEVCG_ACC_MKNOD});
  }
  const auto character = [&](uint32_t major, std::optional<uint32_t> minor) {
    out.push_back({.allow = true, .type = BPF_DEVCG_DEV_CHAR, .major = major, .minor = minor, .access = k_all_access});
  };
  for (const uint32_t memory : {3U, 5U, 7U, 8U, 9U}) character(1, memory);  // null, zero, full, random, urandom
  for (const uint32_t terminal : {0U, 1U, 2U}) character(5, terminal);      // tty, console, ptmx
  character(136, {});                                                       // /dev/pts
  return out;
}

}  // namespace

Result<std::vector<bpf_insn>> device_program(const std::vector<SpecDeviceRule>& rules) {
  if (rules.size() > k_rule_limit) {
    return Error(Errc::invalid, fmt::format("resources.devices: {} rules; {} are allowed", rules.size(), k_rule_limit));
  }
  std::vector<Rule> all;
  for (const SpecDeviceRule& rule : rules) all.push_back(TRY(to_rule(rule)));
  for (const Rule& rule : default_rules()) all.push_back(rule);

  // access_type: the type in the lower half, the accesses in the upper.
  std::vector<bpf_insn> out = {
      load(k_type, offsetof(bpf_cgroup_dev_ctx, access_type)),
      copy(k_wanted, k_type),
      operate(BPF_AND, k_type, 0xffff),
      operate(BPF_RSH, k_wanted, 16),
      load(k_major, offsetof(bpf_cgroup_dev_ctx, major)),
      load(k_minor, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  // The last rule first: what it says about an access is not looked at again.
  for (auto rule = all.rbegin(); rule != all.rend(); ++rule) add_rule(*rule, &out);
  out.push_back(operate(BPF_MOV, k_result, 0));
  out.push_back(leave());
  return out;
}

}  // namespace ctr::runtime
