// Which entries of a profile count for one container: the part of seccomp that is about JSON only.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "runtime/default_seccomp.h"
#include "runtime/seccomp.h"

namespace ctr::runtime {
namespace {

// The profile's word for the machine we were built for, as Go names it.
constexpr std::string_view native_arch() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#elif defined(__riscv)
  return "riscv64";
#elif defined(__powerpc64__)
  return "ppc64le";
#elif defined(__s390x__)
  return "s390x";
#elif defined(__i386__)
  return "386";
#else
  return "arm";
#endif
}

// And libseccomp's.
constexpr std::string_view native_seccomp_arch() {
#if defined(__x86_64__)
  return "SCMP_ARCH_X86_64";
#elif defined(__aarch64__)
  return "SCMP_ARCH_AARCH64";
#elif defined(__riscv)
  return "SCMP_ARCH_RISCV64";
#elif defined(__powerpc64__)
  return "SCMP_ARCH_PPC64LE";
#elif defined(__s390x__)
  return "SCMP_ARCH_S390X";
#elif defined(__i386__)
  return "SCMP_ARCH_X86";
#else
  return "SCMP_ARCH_ARM";
#endif
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// "4.8" against the running kernel.
bool kernel_is_at_least(const std::string& wanted) {
  utsname name{};
  if (::uname(&name) < 0) return false;
  int have_major = 0, have_minor = 0, major = 0, minor = 0;
  if (std::sscanf(name.release, "%d.%d", &have_major, &have_minor) != 2) return false;
  if (std::sscanf(wanted.c_str(), "%d.%d", &major, &minor) != 2) return false;
  return have_major != major ? have_major > major : have_minor >= minor;
}

// The conditions of `includes` and `excludes`.
struct Condition {
  std::vector<std::string> arches;
  std::vector<std::string> caps;
  std::string min_kernel;
};

Result<Condition> read_condition(const JsonReader& entry, std::string_view key) {
  Condition out;
  const auto reader = TRY(entry.find_object(key));
  if (!reader) return out;
  out.arches = TRY(reader->strings("arches"));
  out.caps = TRY(reader->strings("caps"));
  out.min_kernel = TRY(reader->string_or("minKernel", ""));
  return out;
}

bool is_included(const Condition& condition, const std::vector<std::string>& capabilities) {
  if (!condition.arches.empty() && !contains(condition.arches, native_arch())) return false;
  if (!condition.min_kernel.empty() && !kernel_is_at_least(condition.min_kernel)) return false;
  return std::all_of(condition.caps.begin(), condition.caps.end(),
                     [&](const std::string& name) { return contains(capabilities, name); });
}

bool is_excluded(const Condition& condition, const std::vector<std::string>& capabilities) {
  if (contains(condition.arches, native_arch())) return true;
  if (!condition.min_kernel.empty() && kernel_is_at_least(condition.min_kernel)) return true;
  return std::any_of(condition.caps.begin(), condition.caps.end(),
                     [&](const std::string& name) { return contains(capabilities, name); });
}

// The number behind "EPERM". Profiles carry both; the number may be missing.
std::optional<int> errno_number(const std::string& name) {
  // Linux has no errno above 133 (asm-generic/errno.h).
  for (int number = 1; number <= 133; ++number) {
    const char* known = ::strerrorname_np(number);
    if (known != nullptr && name == known) return number;
  }
  return std::nullopt;
}

Result<std::optional<uint64_t>> errno_of(const JsonReader& reader, std::string_view number, std::string_view name) {
  const auto value = TRY(reader.find_uint(number));
  if (value) return std::optional<uint64_t>(value);
  const auto word = TRY(reader.find_string(name));
  if (!word || word->empty()) return std::optional<uint64_t>();
  const auto found = errno_number(*word);
  if (!found) return reader.wrong(name, "the name of an errno");
  return std::optional<uint64_t>(static_cast<uint64_t>(*found));
}

Result<Json> architectures(const JsonReader& profile) {
  const std::vector<std::string> listed = TRY(profile.strings("architectures"));
  if (!listed.empty()) return Json::strings(listed);
  Json out = Json::array();
  const auto map = TRY(profile.elements("archMap"));
  for (const JsonReader& entry : map) {
    if (TRY(entry.string_or("architecture", "")) != native_seccomp_arch()) continue;
    out.push(native_seccomp_arch());
    for (const std::string& name : TRY(entry.strings("subArchitectures"))) out.push(name);
    return out;
  }
  out.push(native_seccomp_arch());
  return out;
}

// One entry as the runtime spec has it; nullopt when it does not count here.
Result<std::optional<Json>> select_entry(const JsonReader& entry, const std::vector<std::string>& capabilities) {
  const Condition includes = TRY(read_condition(entry, "includes"));
  const Condition excludes = TRY(read_condition(entry, "excludes"));
  if (!is_included(includes, capabilities) || is_excluded(excludes, capabilities)) return std::optional<Json>();
  std::vector<std::string> names = TRY(entry.strings("names"));
  // Old profiles of Docker name one call an entry.
  if (const std::string name = TRY(entry.string_or("name", "")); !name.empty()) names.push_back(name);
  if (names.empty()) return entry.wrong("names", "a list of system calls");
  Json out = Json::object();
  const std::string action = TRY(entry.get_string("action"));
  out.set("names", Json::strings(names)).set("action", action);
  // Some profiles have a 0 with every action; the runtime specification allows numbers with two of them only.
  const auto number = TRY(errno_of(entry, "errnoRet", "errno"));
  if (number && (*number != 0 || action == "SCMP_ACT_ERRNO" || action == "SCMP_ACT_TRACE")) {
    out.set("errnoRet", *number);
  }
  const auto args = TRY(entry.elements("args"));
  if (!args.empty()) {
    Json list = Json::array();
    for (const JsonReader& arg : args) {
      Json item = Json::object();
      item.set("index", TRY(arg.get_uint("index"))).set("value", TRY(arg.get_uint("value")));
      if (const uint64_t second = TRY(arg.uint_or("valueTwo", 0)); second != 0) item.set("valueTwo", second);
      list.push(item.set("op", TRY(arg.get_string("op"))));
    }
    out.set("args", std::move(list));
  }
  return std::optional<Json>(std::move(out));
}

// Profiles say some things twice; the library refuses to hear them twice.
void push_once(Json* list, Json entry) {
  if (list->is_array() && std::find(list->as_array().begin(), list->as_array().end(), entry) != list->as_array().end())
    return;
  list->push(std::move(entry));
}

}  // namespace

Result<SeccompSource> find_default_seccomp() {
  for (const char* path : {"/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"}) {
    if (auto text = TRY(read_file_if_exists(path))) return SeccompSource{.path = path, .text = std::move(*text)};
  }
  return SeccompSource{.path = {}, .text = default_seccomp_profile()};
}

Result<Json> select_seccomp(std::string_view profile_text, const std::vector<std::string>& capabilities) {
  const Json json = TRY(parse_json(profile_text, "seccomp profile"));
  const JsonReader profile(json, "seccomp profile");
  TRY(profile.expect_object());
  Json out = Json::object();
  out.set("defaultAction", TRY(profile.get_string("defaultAction")));
  if (const auto number = TRY(errno_of(profile, "defaultErrnoRet", "defaultErrno"))) {
    out.set("defaultErrnoRet", *number);
  }
  out.set("architectures", TRY(architectures(profile)));
  if (profile.has("flags")) out.set("flags", Json::strings(TRY(profile.strings("flags"))));
  for (const char* key : {"listenerPath", "listenerMetadata"}) {
    if (const std::string text = TRY(profile.string_or(key, "")); !text.empty()) out.set(key, text);
  }
  Json entries = Json::array();
  const auto listed = TRY(profile.elements("syscalls"));
  for (const JsonReader& entry : listed) {
    if (auto selected = TRY(select_entry(entry, capabilities))) push_once(&entries, std::move(*selected));
  }
  out.set("syscalls", std::move(entries));
  return out;
}

}  // namespace ctr::runtime
