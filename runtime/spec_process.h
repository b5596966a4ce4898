// SpecProcess: the process object of config.json as values, which exec takes by itself.
//
// Source: OCI runtime-spec 1.3, config.md, "Process".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ctr::runtime {

struct SpecUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;
  std::optional<uint32_t> umask;  // absent: 022
  bool operator==(const SpecUser&) const = default;
};

// Names such as "CAP_CHOWN". Unknown and ungrantable ones are dropped with a notice, as the specification says.
struct SpecCapabilities {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;
  std::vector<std::string> inheritable;
  std::vector<std::string> permitted;
  std::vector<std::string> ambient;
  bool operator==(const SpecCapabilities&) const = default;
};

struct SpecRlimit {
  std::string type;  // "RLIMIT_NOFILE"
  uint64_t soft = 0;
  uint64_t hard = 0;  // UINT64_MAX: unlimited
  bool operator==(const SpecRlimit&) const = default;
};

struct ConsoleSize {
  uint16_t height = 0;
  uint16_t width = 0;
  bool operator==(const ConsoleSize&) const = default;
};

struct SpecProcess {
  bool terminal = false;
  std::optional<ConsoleSize> console_size;
  SpecUser user;
  std::vector<std::string> args;
  std::vector<std::string> env;  // KEY=VALUE, exactly what the program sees
  std::string cwd = "/";
  std::optional<SpecCapabilities> capabilities;  // absent: none
  std::vector<SpecRlimit> rlimits;
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;
  std::string apparmor_profile;
  std::string selinux_label;
  bool operator==(const SpecProcess&) const = default;
};

// The process object alone, as exec takes it.
Json to_json(const SpecProcess& process);
Result<SpecProcess> process_from_json(const JsonReader& reader);

}  // namespace ctr::runtime
