// linux.seccomp to BPF: the only file that uses libseccomp.
#include <errno.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "base/fd.h"
#include "runtime/seccomp.h"

namespace ctr::runtime {
namespace {

struct ContextDeleter {
  void operator()(void* context) const { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, ContextDeleter>;

Result<uint32_t> parse_action(const JsonReader& reader, std::string_view key, std::optional<uint64_t> number) {
  const std::string name = TRY(reader.get_string(key));
  // EPERM is what the runtime spec leaves to runtimes, and all of them chose.
  const uint64_t value = number.value_or(EPERM);
  const bool takes_number = name == "SCMP_ACT_ERRNO" || name == "SCMP_ACT_TRACE";
  if (number && *number != 0 && !takes_number) {
    return Error(Errc::invalid, fmt::format("{}: errnoRet does not go with '{}'", reader.path(), name));
  }
  // SECCOMP_RET_DATA has 16 bits; the kernel cuts errnos at MAX_ERRNO.
  if (value > 4095) return reader.wrong("errnoRet", "an errno");
  if (name == "SCMP_ACT_ALLOW") return uint32_t{SCMP_ACT_ALLOW};
  if (name == "SCMP_ACT_ERRNO") return static_cast<uint32_t>(SCMP_ACT_ERRNO(value));
  if (name == "SCMP_ACT_TRACE") return static_cast<uint32_t>(SCMP_ACT_TRACE(value));
  if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return uint32_t{SCMP_ACT_KILL_THREAD};
  if (name == "SCMP_ACT_KILL_PROCESS") return uint32_t{SCMP_ACT_KILL_PROCESS};
  if (name == "SCMP_ACT_TRAP") return uint32_t{SCMP_ACT_TRAP};
  if (name == "SCMP_ACT_LOG") return uint32_t{SCMP_ACT_LOG};
  if (name == "SCMP_ACT_NOTIFY") {
    return Error(Errc::unsupported, fmt::format("{}: SCMP_ACT_NOTIFY is not supported", reader.path()));
  }
  return Error(Errc::invalid, fmt::format("{}: '{}' is no seccomp action", reader.path(), name));
}

Result<scmp_compare> parse_operator(const JsonReader& reader) {
  constexpr std::pair<std::string_view, scmp_compare> k_operators[] = {
      {"SCMP_CMP_NE", SCMP_CMP_NE},
      {"SCMP_CMP_LT", SCMP_CMP_LT},
      {"SCMP_CMP_LE", SCMP_CMP_LE},
      {"SCMP_CMP_EQ", SCMP_CMP_EQ},
      {"SCMP_CMP_GE", SCMP_CMP_GE},
      {"SCMP_CMP_GT", SCMP_CMP_GT},
      {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
  };
  const std::string name = TRY(reader.get_string("op"));
  for (const auto& [word, value] : k_operators) {
    if (name == word) return value;
  }
  return Error(Errc::invalid, fmt::format("{}: '{}' is no seccomp operator", reader.path(), name));
}

Result<std::vector<scmp_arg_cmp>> parse_args(const JsonReader& entry) {
  std::vector<scmp_arg_cmp> out;
  const auto elements = TRY(entry.elements("args"));
  for (const JsonReader& element : elements) {
    scmp_arg_cmp arg{};
    const uint64_t index = TRY(element.get_uint("index"));
    // System calls have six arguments.
    if (index > 5) return element.wrong("index", "an argument index from 0 to 5");
    arg.arg = static_cast<unsigned>(index);
    arg.op = TRY(parse_operator(element));
    arg.datum_a = TRY(element.get_uint("value"));
    arg.datum_b = TRY(element.uint_or("valueTwo", 0));
    // For MASKED_EQ the specification has the mask in value and the result in valueTwo, as libseccomp does.
    out.push_back(arg);
  }
  return out;
}

Result<void> add_rule(const Context& context, uint32_t action, const std::string& name,
                      const std::vector<scmp_arg_cmp>& args) {
  const int number = ::seccomp_syscall_resolve_name(name.c_str());
  // Names of other architectures and of later kernels.
  if (number == __NR_SCMP_ERROR) return ok();
  // Conditions on the same argument are alternatives, on different ones they all must hold.
  std::array<int, 6> uses = {};
  for (const scmp_arg_cmp& arg : args) ++uses[arg.arg];
  const bool alternatives = std::any_of(uses.begin(), uses.end(), [](int count) { return count > 1; });
  if (!alternatives) {
    const int status =
        ::seccomp_rule_add_array(context.get(), action, number, static_cast<unsigned>(args.size()), args.data());
    // EDOM: not on this architecture. EEXIST: said before.
    if (status < 0 && status != -EDOM && status != -EEXIST) {
      return Error::from_errno(fmt::format("add system call '{}' to the seccomp filter", name), -status);
    }
    return ok();
  }
  for (const scmp_arg_cmp& arg : args) TRY(add_rule(context, action, name, {arg}));
  return ok();
}

Result<std::vector<uint32_t>> add_architectures(const Context& context, const JsonReader& reader) {
  std::vector<uint32_t> out = {::seccomp_arch_native()};
  for (const std::string& name : TRY(reader.strings("architectures"))) {
    std::string word = name.starts_with("SCMP_ARCH_") ? name.substr(10) : name;
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const uint32_t token = ::seccomp_arch_resolve_name(word.c_str());
    if (token == 0) return Error(Errc::invalid, fmt::format("'{}' is no seccomp architecture", name));
    const int status = ::seccomp_arch_add(context.get(), token);
    if (status < 0 && status != -EEXIST) {
      return Error::from_errno(fmt::format("add architecture '{}' to the seccomp filter", name), -status);
    }
    if (status == 0) out.push_back(token);
  }
  return out;
}

Result<uint32_t> parse_flags(const JsonReader& reader) {
  // Absent means what crun and runc load with; an empty list means none.
  if (!reader.has("flags")) return uint32_t{SECCOMP_FILTER_FLAG_SPEC_ALLOW};
  uint32_t flags = 0;
  for (const std::string& name : TRY(reader.strings("flags"))) {
    if (name == "SECCOMP_FILTER_FLAG_TSYNC") continue;  // there is one thread
    if (name == "SECCOMP_FILTER_FLAG_LOG")
      flags |= SECCOMP_FILTER_FLAG_LOG;
    else if (name == "SECCOMP_FILTER_FLAG_SPEC_ALLOW")
      flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    else
      return Error(Errc::invalid, fmt::format("'{}' is no seccomp flag this version knows", name));
  }
  return flags;
}

Result<std::string> export_bpf(const Context& context) {
  const Fd memory(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!memory.valid()) return Error::from_errno("create a memory file");
  const int status = ::seccomp_export_bpf(context.get(), memory.get());
  if (status < 0) return Error::from_errno("compile the seccomp filter", -status);
  if (::lseek(memory.get(), 0, SEEK_SET) < 0) return Error::from_errno("rewind a memory file");
  // BPF_MAXINSNS of 8 bytes each.
  return read_all(memory.get(), size_t{4096} * 8, "the seccomp filter");
}

// The highest number of a native system call the profile speaks of.
Result<int> newest_number(const JsonReader& reader) {
  int newest = -1;
  const auto entries = TRY(reader.elements("syscalls"));
  for (const JsonReader& entry : entries) {
    for (const std::string& name : TRY(entry.strings("names"))) {
      newest = std::max(newest, ::seccomp_syscall_resolve_name_arch(::seccomp_arch_native(), name.c_str()));
    }
  }
  return newest;
}

// Calls that are younger than the profile must look absent (ENOSYS), not forbidden: C libraries fall back from the
// former only. Put in front: native calls with a number above the profile's newest return ENOSYS. Numbers with the bit
// of the x32 ABI are left to the filter.
std::string with_enosys(const std::string& bpf, uint32_t architecture, int newest) {
  constexpr uint32_t k_x32_bit = 0x40000000;
  const std::array<sock_filter, 6> prefix = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, k_x32_bit, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, static_cast<uint32_t>(newest), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
  }};
  return std::string(reinterpret_cast<const char*>(prefix.data()), sizeof prefix) + bpf;
}

}  // namespace

std::string seccomp_library_version() {
  const scmp_version* version = ::seccomp_version();
  if (version == nullptr) return "unknown";
  return fmt::format("{}.{}.{}", version->major, version->minor, version->micro);
}

Result<SeccompProgram> compile_seccomp(const Json& oci) {
  const JsonReader reader(oci, "linux.seccomp");
  TRY(reader.expect_object());
  const auto default_number = TRY(reader.find_uint("defaultErrnoRet"));
  const uint32_t default_action = TRY(parse_action(reader, "defaultAction", default_number));
  const Context context(::seccomp_init(default_action));
  if (context == nullptr) return Error(Errc::unsupported, "this machine's seccomp library refuses to work");
  // 2: a balanced tree by number. A linear list of hundreds of calls costs the kernel near a millisecond to load.
  (void)::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  const auto architectures = TRY(add_architectures(context, reader));
  SeccompProgram program{.bpf = {}, .flags = TRY(parse_flags(reader))};
  const auto entries = TRY(reader.elements("syscalls"));
  for (const JsonReader& entry : entries) {
    const uint32_t action = TRY(parse_action(entry, "action", TRY(entry.find_uint("errnoRet"))));
    if (action == default_action) continue;
    const auto args = TRY(parse_args(entry));
    for (const std::string& name : TRY(entry.strings("names"))) TRY(add_rule(context, action, name, args));
  }
  program.bpf = TRY(export_bpf(context));
  const bool denies = (default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
  const int newest = TRY(newest_number(reader));
  if (denies && newest >= 0 && default_action != static_cast<uint32_t>(SCMP_ACT_ERRNO(ENOSYS))) {
    program.bpf = with_enosys(program.bpf, architectures[0], newest);
  }
  // BPF_MAXINSNS: the kernel refuses longer ones with a bare EINVAL.
  if (program.bpf.size() / sizeof(sock_filter) > BPF_MAXINSNS) {
    return Error(Errc::invalid, fmt::format("the seccomp profile compiles to {} instructions; the kernel takes {}",
                                            program.bpf.size() / sizeof(sock_filter), BPF_MAXINSNS));
  }
  return program;
}

}  // namespace ctr::runtime
