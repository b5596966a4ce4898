#include "runtime/seccomp_patch.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace ctr::runtime {
namespace {

// Numbers of the x32 ABI carry this bit; the architecture the kernel tells is that of x86_64 (arch/x86/include/uapi/
// asm/unistd.h).
constexpr uint32_t k_x32_bit = 0x40000000;

// Source: arch/*/kernel/syscalls/*.tbl of Linux 6.17.
constexpr std::pair<std::string_view, int> k_young_calls[] = {
    {"cachestat", 451},         {"fchmodat2", 452},         {"map_shadow_stack", 453}, {"futex_wake", 454},
    {"futex_wait", 455},        {"futex_requeue", 456},     {"statmount", 457},        {"listmount", 458},
    {"lsm_get_self_attr", 459}, {"lsm_set_self_attr", 460}, {"lsm_list_modules", 461}, {"mseal", 462},
    {"setxattrat", 463},        {"getxattrat", 464},        {"listxattrat", 465},      {"removexattrat", 466},
    {"open_tree_attr", 467},    {"file_getattr", 468},      {"file_setattr", 469},
};

using Program = std::vector<sock_filter>;

sock_filter statement(unsigned code, uint32_t k) { return BPF_STMT(static_cast<uint16_t>(code), k); }
sock_filter jump(unsigned code, uint32_t k, size_t if_true, size_t if_false) {
  return BPF_JUMP(static_cast<uint16_t>(code), k, static_cast<uint8_t>(if_true), static_cast<uint8_t>(if_false));
}

// Stands for the end of the patch in a BPF_JA until the length is known.
constexpr uint32_t k_to_filter = UINT32_MAX;

// With the number in the accumulator: what calls of one ABI get, or on to the filter.
void add_calls(const ArchitectureCalls& calls, uint32_t bit, Program* out) {
  uint32_t newest = static_cast<uint32_t>(calls.newest_known);
  out->push_back(jump(BPF_JMP | BPF_JGT | BPF_K, newest, 1, 0));
  out->push_back(statement(BPF_JMP | BPF_JA, k_to_filter));
  for (const YoungCall& call : calls.young) {
    const uint32_t number = call.number | bit;
    out->push_back(jump(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    out->push_back(statement(BPF_RET | BPF_K, call.action));
    newest = std::max(newest, number);
  }
  out->push_back(jump(BPF_JMP | BPF_JGT | BPF_K, newest, 1, 0));
  out->push_back(statement(BPF_JMP | BPF_JA, k_to_filter));
  out->push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
}

void append(const Program& part, Program* out) { out->insert(out->end(), part.begin(), part.end()); }

const ArchitectureCalls* find_calls(const std::vector<ArchitectureCalls>& all, uint32_t token) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& calls) { return calls.token == token; });
  return found == all.end() || found->newest_known < 0 ? nullptr : &*found;
}

// Both ABIs that the kernel calls AUDIT_ARCH_X86_64; either may be missing in the profile and goes to the filter then.
Program x86_64_calls(const ArchitectureCalls* plain, const ArchitectureCalls* x32) {
  Program plain_part;
  if (plain != nullptr)
    add_calls(*plain, 0, &plain_part);
  else
    plain_part.push_back(statement(BPF_JMP | BPF_JA, k_to_filter));
  Program out = {jump(BPF_JMP | BPF_JGE | BPF_K, k_x32_bit, 0, 1),
                 statement(BPF_JMP | BPF_JA, static_cast<uint32_t>(plain_part.size()))};
  append(plain_part, &out);
  if (x32 != nullptr)
    add_calls(*x32, k_x32_bit, &out);
  else
    out.push_back(statement(BPF_JMP | BPF_JA, k_to_filter));
  return out;
}

// `part` for calls of this architecture only.
void add_architecture(uint32_t audit, const Program& part, Program* out) {
  out->push_back(jump(BPF_JMP | BPF_JEQ | BPF_K, audit, 1, 0));
  out->push_back(statement(BPF_JMP | BPF_JA, static_cast<uint32_t>(part.size() + 1)));
  out->push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  append(part, out);
}

}  // namespace

int young_call_number(std::string_view name) {
  for (const auto& [known, number] : k_young_calls) {
    if (known == name) return number;
  }
  return -1;
}

bool numbers_are_common(uint32_t token) {
  constexpr uint32_t k_mips[] = {SCMP_ARCH_MIPS,   SCMP_ARCH_MIPS64,   SCMP_ARCH_MIPS64N32,
                                 SCMP_ARCH_MIPSEL, SCMP_ARCH_MIPSEL64, SCMP_ARCH_MIPSEL64N32};
  return std::find(std::begin(k_mips), std::end(k_mips), token) == std::end(k_mips);
}

std::string patch_for(const std::vector<ArchitectureCalls>& architectures) {
  Program program = {statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch))};
  const ArchitectureCalls* plain = find_calls(architectures, SCMP_ARCH_X86_64);
  const ArchitectureCalls* x32 = find_calls(architectures, SCMP_ARCH_X32);
  if (plain != nullptr || x32 != nullptr) add_architecture(SCMP_ARCH_X86_64, x86_64_calls(plain, x32), &program);
  for (const ArchitectureCalls& calls : architectures) {
    const bool is_x86_64 = calls.token == SCMP_ARCH_X86_64 || calls.token == SCMP_ARCH_X32;
    if (is_x86_64 || calls.newest_known < 0) continue;
    Program part;
    add_calls(calls, 0, &part);
    add_architecture(calls.token, part, &program);
  }
  if (program.size() == 1) return {};
  for (size_t i = 0; i < program.size(); ++i) {
    sock_filter& instruction = program[i];
    if (instruction.code == (BPF_JMP | BPF_JA) && instruction.k == k_to_filter) {
      instruction.k = static_cast<uint32_t>(program.size() - i - 1);
    }
  }
  return std::string(reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter));
}

}  // namespace ctr::runtime
