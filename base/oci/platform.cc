#include "base/oci/platform.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace ctr::oci {
namespace {

struct Alias {
  std::string_view name;
  std::string_view architecture;
  std::string_view variant;
};
// uname(2) and Debian names of the architectures Go (and with it every registry) calls otherwise.
constexpr std::array<Alias, 12> k_aliases = {{
    {"x86_64", "amd64", ""},
    {"x86-64", "amd64", ""},
    {"i386", "386", ""},
    {"i486", "386", ""},
    {"i586", "386", ""},
    {"i686", "386", ""},
    {"aarch64", "arm64", ""},
    {"arm64v8", "arm64", "v8"},
    {"armhf", "arm", "v7"},
    {"armv7l", "arm", "v7"},
    {"armel", "arm", "v6"},
    {"armv6l", "arm", "v6"},
}};

constexpr std::array<std::string_view, 8> k_operating_systems = {"linux",  "windows", "darwin",  "freebsd",
                                                                 "netbsd", "openbsd", "solaris", "aix"};

bool is_operating_system(std::string_view text) {
  for (const auto name : k_operating_systems) {
    if (name == text) return true;
  }
  return false;
}

bool is_component(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  for (const char c : text) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!good) return false;
  }
  return true;
}

// "8" → "v8".
std::string normalised_variant(std::string_view text) {
  if (!text.empty() && text.front() >= '0' && text.front() <= '9') return "v" + std::string(text);
  return std::string(text);
}

void set_architecture(Platform& platform, std::string_view name) {
  platform.architecture = std::string(name);
  for (const auto& alias : k_aliases) {
    if (alias.name != name) continue;
    platform.architecture = std::string(alias.architecture);
    platform.variant = std::string(alias.variant);
  }
}

// The variant an empty one stands for: the baseline every image of that architecture may assume.
std::string_view baseline_variant(std::string_view architecture) {
  if (architecture == "arm64") return "v8";
  if (architecture == "arm") return "v7";
  if (architecture == "amd64") return "v1";
  return "";
}

// "v7" → 7; -1 for anything else.
int variant_number(std::string_view variant) {
  if (variant.size() != 2 || variant[0] != 'v' || variant[1] < '0' || variant[1] > '9') return -1;
  return variant[1] - '0';
}

}  // namespace

std::string Platform::to_string() const {
  std::string text = os + "/" + architecture;
  if (!variant.empty()) text += "/" + variant;
  return text;
}

Result<Platform> parse_platform(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return Error(Errc::invalid, "invalid platform '" + printable(text) + "': " + std::string(why))
        .with_hint("write OS/ARCHITECTURE[/VARIANT], such as linux/arm64");
  };
  const auto parts = split(to_lower(text), '/');
  if (parts.size() > 3) return wrong("more than three parts");
  for (const auto& part : parts) {
    if (!is_component(part)) return wrong("a part is empty or holds an odd character");
  }
  Platform platform;
  if (parts.size() == 1 && is_operating_system(parts[0])) {
    platform = host_platform();
    platform.os = parts[0];
    return platform;
  }
  if (parts.size() > 1) platform.os = parts[0] == "macos" ? "darwin" : parts[0];
  set_architecture(platform, parts.size() == 1 ? parts[0] : parts[1]);
  if (parts.size() == 3) platform.variant = normalised_variant(parts[2]);
  return platform;
}

Platform host_platform() {
  Platform platform;
#if defined(__x86_64__)
  platform.architecture = "amd64";
#elif defined(__aarch64__)
  platform.architecture = "arm64";
#elif defined(__arm__)
  platform.architecture = "arm";
  platform.variant = "v7";
#elif defined(__i386__)
  platform.architecture = "386";
#elif defined(__riscv) && __riscv_xlen == 64
  platform.architecture = "riscv64";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
  platform.architecture = "ppc64le";
#elif defined(__s390x__)
  platform.architecture = "s390x";
#elif defined(__loongarch64)
  platform.architecture = "loong64";
#else
#error "name this architecture as Go's GOARCH does"
#endif
  return platform;
}

int match_score(const Platform& wanted, const Platform& candidate) {
  if (wanted.os != candidate.os || wanted.architecture.empty()) return 0;
  Platform offered;
  set_architecture(offered, candidate.architecture);
  if (!candidate.variant.empty()) offered.variant = normalised_variant(candidate.variant);
  if (wanted.architecture != offered.architecture) return 0;
  const auto baseline = baseline_variant(wanted.architecture);
  const std::string have = offered.variant.empty() ? std::string(baseline) : offered.variant;
  const std::string want = wanted.variant.empty() ? std::string(baseline) : normalised_variant(wanted.variant);
  if (have == want) return 100;
  // A processor runs code for the older variants of its architecture; the newest of them is the best.
  const int have_number = variant_number(have);
  const int want_number = variant_number(want);
  if (have_number < 0 || want_number < 0 || have_number > want_number) return 0;
  return 50 - (want_number - have_number);
}

}  // namespace ctr::oci
