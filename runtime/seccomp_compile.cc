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
#include "base/text.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_patch.h"

namespace ctr::runtime {
namespace {

struct ContextDeleter {
  void operator()(void* context) const { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, ContextDeleter>;

Error invalid(const JsonReader& reader, std::string_view words) {
  return Error(Errc::invalid, fmt::format("{}: {}", reader.path(), words));
}

// The action at `key`, with the number at `number_key` for actions that take one.
Result<uint32_t> parse_action(const JsonReader& reader, std::string_view key, std::string_view number_key) {
  const std::string name = TRY(reader.get_string(key));
  const auto number = TRY(reader.find_uint(number_key));
  const auto action = find_value(seccomp_actions(), name);
  if (!action) return invalid(reader, fmt::format("'{}' is no seccomp action", name));
  // SECCOMP_RET_DATA has 16 bits; the kernel cuts errnos at MAX_ERRNO.
  uint64_t limit = 0;
  if (name == "SCMP_ACT_ERRNO") limit = 4095;
  if (name == "SCMP_ACT_TRACE") limit = 65535;
  if (number && limit == 0) return invalid(reader, fmt::format("{} does not go with '{}'", number_key, name));
  if (number && *number > limit) return reader.wrong(number_key, fmt::format("a number of at most {}", limit));
  // EPERM is the specification's default for both.
  return static_cast<uint32_t>(*action | (limit == 0 ? 0 : number.value_or(EPERM)));
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
    const std::string name = TRY(element.get_string("op"));
    const auto op = find_value(seccomp_operators(), name);
    if (!op) return invalid(element, fmt::format("'{}' is no seccomp operator", name));
    arg.op = static_cast<scmp_compare>(*op);
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

// The native architecture is always one of them.
Result<std::vector<ArchitectureCalls>> add_architectures(const Context& context, const JsonReader& reader) {
  std::vector<ArchitectureCalls> out = {{.token = ::seccomp_arch_native(), .newest_known = -1, .young = {}}};
  const auto listed = TRY(reader.elements("architectures"));
  for (const JsonReader& element : listed) {
    if (!element.value().is_string()) return element.wrong("", "a string");
    const std::string& name = element.value().as_string();
    const auto token = find_value(seccomp_architectures(), name);
    if (!token) return invalid(element, fmt::format("'{}' is no seccomp architecture", printable(name)));
    const int status = ::seccomp_arch_add(context.get(), static_cast<uint32_t>(*token));
    if (status < 0 && status != -EEXIST) {
      return Error::from_errno(fmt::format("add architecture '{}' to the seccomp filter", name), -status);
    }
    if (status == 0) out.push_back({.token = static_cast<uint32_t>(*token), .newest_known = -1, .young = {}});
  }
  return out;
}

Result<uint32_t> parse_flags(const JsonReader& reader) {
  // Absent means what crun and runc load with; an empty list means none.
  if (!reader.has("flags")) return uint32_t{SECCOMP_FILTER_FLAG_SPEC_ALLOW};
  uint64_t flags = 0;
  const std::vector<std::string> names = TRY(reader.strings("flags"));
  for (size_t i = 0; i < names.size(); ++i) {
    const auto flag = find_value(seccomp_flags(), names[i]);
    if (!flag) return reader.wrong(fmt::format("flags[{}]", i), fmt::format("a seccomp flag: '{}'", names[i]));
    flags |= *flag;
  }
  return static_cast<uint32_t>(flags);
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

// Notes that the profile speaks of `name`, and what it says when it says it whatever the arguments.
void note_call(const std::string& name, std::optional<uint32_t> action, std::vector<ArchitectureCalls>* all) {
  const bool known = ::seccomp_syscall_resolve_name(name.c_str()) != __NR_SCMP_ERROR;
  const int young = known ? -1 : young_call_number(name);
  for (ArchitectureCalls& calls : *all) {
    calls.newest_known = std::max(calls.newest_known, ::seccomp_syscall_resolve_name_arch(calls.token, name.c_str()));
    if (young < 0 || !action || !numbers_are_common(calls.token)) continue;
    calls.young.push_back({.number = static_cast<uint32_t>(young), .action = *action});
  }
}

bool is_notify(uint32_t action) { return (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF; }

// Adds one entry of `syscalls`.
Result<void> add_entry(const Context& context, const JsonReader& entry, uint32_t default_action,
                       std::vector<ArchitectureCalls>* architectures, bool* notifies) {
  const uint32_t action = TRY(parse_action(entry, "action", "errnoRet"));
  const auto args = TRY(parse_args(entry));
  const std::vector<std::string> names = TRY(entry.strings("names"));
  if (names.empty()) return entry.wrong("names", "a list of at least one system call");
  for (const std::string& name : names) {
    // Other runtimes' first process writes to its parent under the filter and would wait for ever. A profile that runs
    // here is to run there.
    if (is_notify(action) && name == "write") {
      return invalid(entry, "SCMP_ACT_NOTIFY cannot be used for the write syscall");
    }
    note_call(name, args.empty() ? std::optional(action) : std::nullopt, architectures);
    if (action != default_action) TRY(add_rule(context, action, name, args));
  }
  *notifies = *notifies || is_notify(action);
  return ok();
}

// An agent, the flags that ask for one, and where it listens go together.
Result<uint32_t> listener_flags(const JsonReader& reader, uint32_t flags, bool notifies) {
  const std::string path = TRY(reader.string_or("listenerPath", ""));
  if (path.empty() && !TRY(reader.string_or("listenerMetadata", "")).empty()) {
    return invalid(reader, "listenerMetadata does not go without listenerPath");
  }
  if (!notifies) {
    if ((flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) == 0) return flags;
    return invalid(reader, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV does not go without SCMP_ACT_NOTIFY");
  }
  if (!path.starts_with('/')) {
    return invalid(reader, fmt::format("SCMP_ACT_NOTIFY needs the absolute path of an agent's socket in listenerPath, "
                                       "not '{}'",
                                       printable(path)));
  }
  return flags | SECCOMP_FILTER_FLAG_NEW_LISTENER;
}

// Defaults that forbid. A tracer is thought to know what it does.
bool forbids(uint32_t action) {
  const uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
  return kind != SECCOMP_RET_ALLOW && kind != SECCOMP_RET_LOG && kind != SECCOMP_RET_TRACE;
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
  const uint32_t default_action = TRY(parse_action(reader, "defaultAction", "defaultErrnoRet"));
  if (is_notify(default_action)) return invalid(reader, "SCMP_ACT_NOTIFY cannot be the default action");
  const Context context(::seccomp_init(default_action));
  if (context == nullptr) return Error(Errc::unsupported, "this machine's seccomp library refuses to work");
  // 2: a balanced tree by number. A linear list of hundreds of calls costs the kernel near a millisecond to load.
  (void)::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  auto architectures = TRY(add_architectures(context, reader));
  const uint32_t flags = TRY(parse_flags(reader));
  bool notifies = false;
  const auto entries = TRY(reader.elements("syscalls"));
  for (const JsonReader& entry : entries) TRY(add_entry(context, entry, default_action, &architectures, &notifies));
  SeccompProgram program{.bpf = TRY(export_bpf(context)), .flags = TRY(listener_flags(reader, flags, notifies))};
  if (forbids(default_action) && default_action != (SECCOMP_RET_ERRNO | ENOSYS)) {
    program.bpf.insert(0, patch_for(architectures));
  }
  // BPF_MAXINSNS: the kernel refuses longer ones with a bare EINVAL.
  if (program.bpf.size() / sizeof(sock_filter) > BPF_MAXINSNS) {
    return Error(Errc::invalid, fmt::format("the seccomp profile compiles to {} instructions; the kernel takes {}",
                                            program.bpf.size() / sizeof(sock_filter), BPF_MAXINSNS));
  }
  return program;
}

}  // namespace ctr::runtime
