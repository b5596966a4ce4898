// What is written down of a network while containers are in it, in $XDG_RUNTIME_DIR/ctr/net/NAME:
//
//   lock            held while any of these files changes
//   members         a line for each container: its id, pid and start time of its monitor, the number of the monitor's
//                   descriptor of the network's namespace, and that namespace's inode
//   names           a line for each container: <ipv4> <ipv6> <name> <alias,alias> <short id>; "-" for what it has not.
//                   With name servers of its own they follow, as <server,server>
//   definition.json the network's definition, for the resolvers, which see nothing but these files
//   lease/ADDRESS   an address that is taken: locked by the monitor whose container has it
//
// All of it is true only as long as the monitors live: whoever reads looks after them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/result.h"
#include "engine/network/definition.h"
#include "engine/network/netlink.h"
#include "runtime/state.h"

namespace ctr::engine::network {

inline constexpr const char* k_members_file = "members";
inline constexpr const char* k_names_file = "names";
inline constexpr const char* k_definition_file = "definition.json";
inline constexpr const char* k_lease_directory = "lease";

struct Member {
  std::string container;  // id
  runtime::ProcessRef monitor;
  int descriptor = -1;  // of the monitor
  uint64_t inode = 0;
  bool operator==(const Member&) const = default;
};

// How a container is called by the others.
struct MemberNames {
  std::optional<IpAddress> ipv4, ipv6;
  std::string name;
  std::vector<std::string> aliases;
  std::string short_id;                   // the first 12 digits of the container's id
  std::vector<std::string> servers = {};  // who is asked for other names on its behalf; empty: the network's
  bool operator==(const MemberNames&) const = default;
};

// Lines that make no sense are left out: who has written them is gone.
std::vector<Member> parse_members(std::string_view text);
std::string format_members(const std::vector<Member>& members);
std::vector<MemberNames> parse_names(std::string_view text);
std::string format_names(const std::vector<MemberNames>& names);

// Shows the definition to the resolvers of a network that has members, in place of an older one.
Result<void> show_definition(const Dir& dir, const NetworkDefinition& network);

// A network's files, while nobody else changes them.
class [[nodiscard]] MemberFiles {
 public:
  // `net_dir`: $XDG_RUNTIME_DIR/ctr/net.
  static Result<MemberFiles> open(const std::string& net_dir, const std::string& network);

  const Dir& dir() const { return dir_; }
  Result<Dir> leases() const { return dir_.open_or_make_dir(k_lease_directory, 0700); }
  const std::vector<Member>& members() const { return members_; }
  const std::vector<MemberNames>& names() const { return names_; }
  // The network's namespace, from one of those who keep it; not valid when nobody does.
  Fd open_hub() const;
  // Takes out the members that keep the namespace no more, and returns their containers. A monitor that was killed is
  // a process until somebody has waited for it, but one without descriptors.
  std::vector<std::string> forget_dead();
  // In the place of what there is of the container.
  void add(Member member, MemberNames names);
  void remove(const std::string& container);
  void rename(const std::string& container, const std::string& name);
  Result<void> write() const;

 private:
  MemberFiles(Dir dir, FileLock lock) : dir_(std::move(dir)), lock_(std::move(lock)) {}

  Dir dir_;
  FileLock lock_;
  std::vector<Member> members_;
  std::vector<MemberNames> names_;
};

// The names of those who are in the network now. Nothing is locked or changed.
std::vector<std::string> live_members(const std::string& net_dir, const std::string& network);

// The short form of a container's id.
std::string short_id(const std::string& id);

}  // namespace ctr::engine::network
