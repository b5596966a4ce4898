#include "runtime/idmap.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ctr::runtime {
namespace {

// (uid_t)-1 means "no change" to the kernel and can never be mapped.
constexpr uint64_t k_id_limit = UINT32_MAX;

// UID_GID_MAP_MAX_EXTENTS (user_namespaces(7)).
constexpr size_t k_max_ranges = 340;

// 0 is the user; the subordinate ranges follow one behind the other.
std::vector<IdRange> ranges_of(uint32_t own, const std::vector<SubidRange>& subids) {
  std::vector<IdRange> out = {{.inside = 0, .outside = own, .size = 1}};
  uint64_t next = 1;
  for (const SubidRange& range : subids) {
    const auto size = static_cast<uint32_t>(std::min<uint64_t>(range.count, k_id_limit - next));
    if (size == 0 || uint64_t{range.first} + size > k_id_limit) continue;
    // Overlapping entries of /etc/subuid would be refused by the kernel as a whole.
    const bool overlaps = std::any_of(out.begin(), out.end(), [&](const IdRange& other) {
      return range.first < uint64_t{other.outside} + other.size && other.outside < uint64_t{range.first} + size;
    });
    if (overlaps) continue;
    out.push_back({.inside = static_cast<uint32_t>(next), .outside = range.first, .size = size});
    next += size;
  }
  return out;
}

Result<void> check_ranges(const std::vector<IdRange>& ranges, std::string_view what) {
  if (ranges.empty()) return Error(Errc::invalid, fmt::format("the {} map of the user namespace is empty", what));
  if (ranges.size() > k_max_ranges) {
    return Error(Errc::invalid,
                 fmt::format("the {} map has {} ranges; the kernel takes {}", what, ranges.size(), k_max_ranges));
  }
  for (size_t i = 0; i < ranges.size(); ++i) {
    const IdRange& range = ranges[i];
    if (range.size == 0 || uint64_t{range.inside} + range.size > k_id_limit ||
        uint64_t{range.outside} + range.size > k_id_limit) {
      return Error(Errc::invalid,
                   fmt::format("{} map '{}' is empty or passes 4294967294", what, format_ranges({range})));
    }
    for (size_t j = 0; j < i; ++j) {
      const IdRange& other = ranges[j];
      const auto overlap = [&](uint32_t a, uint32_t b) {
        return a < uint64_t{b} + other.size && b < uint64_t{a} + range.size;
      };
      if (overlap(range.inside, other.inside) || overlap(range.outside, other.outside)) {
        return Error(Errc::invalid, fmt::format("{} maps '{}' and '{}' overlap", what, format_ranges({other}),
                                                format_ranges({range})));
      }
    }
  }
  return ok();
}

std::vector<IdRange> keep_id_ranges(const std::vector<IdRange>& outer, uint32_t id, std::optional<uint32_t> size) {
  uint64_t available = 0;
  for (const IdRange& range : outer) available += range.size;
  if (size) available = std::min<uint64_t>(available, *size);
  if (available <= 1) return {{.inside = id, .outside = 0, .size = 1}};
  const auto total = static_cast<uint32_t>(std::min<uint64_t>(available, k_id_limit - 1));
  std::vector<IdRange> out;
  const uint32_t below = std::min(id, total - 1);
  if (below > 0) out.push_back({.inside = 0, .outside = 1, .size = below});
  out.push_back({.inside = id, .outside = 0, .size = 1});
  if (below == id && total > id + 1) out.push_back({.inside = id + 1, .outside = id + 1, .size = total - id - 1});
  return out;
}

}  // namespace

std::optional<uint32_t> to_inside(const std::vector<IdRange>& ranges, uint32_t outside) {
  for (const IdRange& range : ranges) {
    if (outside >= range.outside && outside - range.outside < range.size)
      return range.inside + (outside - range.outside);
  }
  return std::nullopt;
}

std::optional<uint32_t> to_outside(const std::vector<IdRange>& ranges, uint32_t inside) {
  for (const IdRange& range : ranges) {
    if (inside >= range.inside && inside - range.inside < range.size) return range.outside + (inside - range.inside);
  }
  return std::nullopt;
}

Result<std::vector<IdRange>> nest_ranges(const std::vector<IdRange>& map, const std::vector<IdRange>& outer) {
  std::vector<IdRange> out;
  for (const IdRange& range : map) {
    uint32_t done = 0;
    while (done < range.size) {
      const uint32_t wanted = range.outside + done;
      const auto home = std::find_if(outer.begin(), outer.end(), [&](const IdRange& candidate) {
        return wanted >= candidate.outside && wanted - candidate.outside < candidate.size;
      });
      if (home == outer.end()) {
        return Error(Errc::invalid,
                     fmt::format("id {} is not among the ids of this user ({})", wanted, format_ranges(outer)));
      }
      const uint32_t into = wanted - home->outside;
      const uint32_t size = std::min(range.size - done, home->size - into);
      out.push_back({.inside = range.inside + done, .outside = home->inside + into, .size = size});
      done += size;
    }
  }
  return out;
}

std::vector<IdRange> through_map(const std::vector<IdRange>& nested, const std::vector<IdRange>& outer) {
  std::vector<IdRange> out;
  for (const IdRange& range : nested) {
    for (const IdRange& home : outer) {
      const uint64_t first = std::max(range.outside, home.inside);
      const uint64_t end = std::min(uint64_t{range.outside} + range.size, uint64_t{home.inside} + home.size);
      if (first >= end) continue;
      out.push_back({.inside = static_cast<uint32_t>(range.inside + (first - range.outside)),
                     .outside = static_cast<uint32_t>(home.outside + (first - home.inside)),
                     .size = static_cast<uint32_t>(end - first)});
    }
  }
  return out;
}

uint32_t IdMap::last_gid_without_gap() const {
  uint64_t next = 0;
  for (bool found = true; found;) {
    found = false;
    for (const IdRange& range : gids) {
      if (range.inside != next || range.size == 0) continue;
      next += range.size;
      found = true;
    }
  }
  return next == 0 ? 0 : static_cast<uint32_t>(next - 1);
}

IdMap rootless_map(uint32_t uid, uint32_t gid, const std::vector<SubidRange>& subuids,
                   const std::vector<SubidRange>& subgids) {
  if (subuids.empty() || subgids.empty()) return single_id_map(uid, gid);
  return {.uids = ranges_of(uid, subuids), .gids = ranges_of(gid, subgids)};
}

IdMap single_id_map(uint32_t uid, uint32_t gid) {
  return {.uids = {{.inside = 0, .outside = uid, .size = 1}}, .gids = {{.inside = 0, .outside = gid, .size = 1}}};
}

Result<IdMap> nest_map(const IdMap& map, const IdMap& outer) {
  IdMap out;
  out.uids = TRY(nest_ranges(map.uids, outer.uids).context("uid map"));
  out.gids = TRY(nest_ranges(map.gids, outer.gids).context("gid map"));
  return out;
}

IdMap keep_id_map(const IdMap& outer, uint32_t uid, uint32_t gid, std::optional<uint32_t> size) {
  return {.uids = through_map(keep_id_ranges(outer.uids, uid, size), outer.uids),
          .gids = through_map(keep_id_ranges(outer.gids, gid, size), outer.gids)};
}

Result<void> check_map(const IdMap& map) {
  TRY(check_ranges(map.uids, "uid"));
  return check_ranges(map.gids, "gid");
}

std::vector<IdRange> normalized(std::vector<IdRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const IdRange& a, const IdRange& b) { return a.inside < b.inside; });
  std::vector<IdRange> out;
  for (const IdRange& range : ranges) {
    IdRange* last = out.empty() ? nullptr : &out.back();
    if (last != nullptr && last->inside + last->size == range.inside && last->outside + last->size == range.outside)
      last->size += range.size;
    else
      out.push_back(range);
  }
  return out;
}

std::string format_ranges(const std::vector<IdRange>& ranges, char separator) {
  std::vector<std::string> parts;
  for (const IdRange& range : ranges) {
    parts.push_back(fmt::format("{}:{}:{}", range.inside, range.outside, range.size));
  }
  return join(parts, std::string_view(&separator, 1));
}

}  // namespace ctr::runtime
