// Which host ids stand behind the ids of a user namespace.
//
// Source: user_namespaces(7), newuidmap(1), OCI runtime-spec "User namespace mappings".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/users.h"

namespace ctr::runtime {

// `size` ids from `inside` on are, seen from the parent user namespace, the ids from `outside` on.
struct IdRange {
  uint32_t inside = 0;   // containerID
  uint32_t outside = 0;  // hostID
  uint32_t size = 0;
  bool operator==(const IdRange&) const = default;
};

// The id inside for an id outside and back; nullopt when it is not mapped.
std::optional<uint32_t> to_inside(const std::vector<IdRange>& ranges, uint32_t outside);
std::optional<uint32_t> to_outside(const std::vector<IdRange>& ranges, uint32_t inside);

// `nested` leads to the namespace whose map is `outer`: what comes out leads to where that one leads, without the ids
// that it does not map.
std::vector<IdRange> through_map(const std::vector<IdRange>& nested, const std::vector<IdRange>& outer);

// Both maps of one user namespace. Empty: no user namespace of its own.
struct IdMap {
  std::vector<IdRange> uids;
  std::vector<IdRange> gids;
  bool operator==(const IdMap&) const = default;

  bool empty() const { return uids.empty() && gids.empty(); }
  // One id each: the form an unprivileged process may write by itself.
  bool is_single() const { return uids.size() == 1 && uids[0].size == 1 && gids.size() == 1 && gids[0].size == 1; }
  // The largest mapped group without a gap from 0 on, for net.ipv4.ping_group_range.
  uint32_t last_gid_without_gap() const;
};

// The default rootless map: 0 is the user, 1… are the subordinate ranges in file order. Without subordinate ids it is
// the single-id map.
IdMap rootless_map(uint32_t uid, uint32_t gid, const std::vector<SubidRange>& subuids,
                   const std::vector<SubidRange>& subgids);
// Only id 0, which is the user.
IdMap single_id_map(uint32_t uid, uint32_t gid);
// Ranges that lead to the host, as such that lead to the namespace whose map is `outer`. Errors: invalid when an id is
// not mapped by `outer`.
Result<std::vector<IdRange>> nest_ranges(const std::vector<IdRange>& map, const std::vector<IdRange>& outer);
// `map` leads to the host; what comes out leads to the namespace whose map to the host is `outer`, in which a namespace
// with `map` can then be nested. Errors: invalid when an id is not mapped by `outer`.
Result<IdMap> nest_map(const IdMap& map, const IdMap& outer);
// The map of `--userns keep-id` to the host: `uid`:`gid` inside are the user (0 of the default map `outer`), the ids
// below and above are the others in order, `size` ids at most with the user. With a single-id map, only that one id.
IdMap keep_id_map(const IdMap& outer, uint32_t uid, uint32_t gid, std::optional<uint32_t> size = {});

// Ranges must not be empty, overlap on either side, pass 2^32-2 or be more than the kernel takes. Errors: invalid,
// naming the range.
Result<void> check_map(const IdMap& map);
// The same map in as few ranges as can be, by their ids inside.
std::vector<IdRange> normalized(std::vector<IdRange> ranges);
// "0:1000:1,1:100000:65536", for messages; with ':' as fuse-overlayfs takes them.
std::string format_ranges(const std::vector<IdRange>& ranges, char separator = ',');

struct HostFacts;
enum class MapWriter { direct, programs };
// How a process with these facts must write `map` for a child of its: directly when it is privileged or the map is its
// own single id, else by newuidmap(1) and newgidmap(1).
MapWriter map_writer(const IdMap& map, const HostFacts& host);
// Writes uid_map, setgroups and gid_map of process `pid`, which must have been cloned with CLONE_NEWUSER and be
// dumpable.
//
// Single-id maps deny setgroups(2), as the kernel demands of unprivileged writers. newuidmap and newgidmap run in
// parallel.
// Errors: permission with what newuidmap said and the fix, not_found when the programs are missing.
Result<void> write_id_maps(int pid, const IdMap& map, const HostFacts& host);

// The maps of the user namespace that a process is in, a number or "self": to the ids of the reader's namespace, for
// its own to those of the one around it.
Result<IdMap> read_id_maps(const std::string& process);
// Compares the maps of the user namespace that process `pid` is in with `map`, id by id.
// Errors: invalid when they differ.
Result<void> check_id_maps(int pid, const IdMap& map);

}  // namespace ctr::runtime
