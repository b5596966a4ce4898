#include "engine/id_maps.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::engine {

using runtime::IdMap;
using runtime::IdRange;

namespace {

// Source: podman's default for the smallest user namespace of --userns auto.
constexpr uint32_t k_least_automatic_ids = 1024;
constexpr uint32_t k_nobody = 65534;

// Ids from `first` up to but not `end`.
struct Interval {
  uint64_t first = 0;
  uint64_t end = 0;
};

// Ids in ascending, disjoint intervals.
class IdSet {
 public:
  IdSet(uint64_t first, uint64_t end) {
    if (first < end) intervals_.push_back({first, end});
  }

  void remove(uint64_t first, uint64_t end) {
    std::vector<Interval> left;
    for (const auto& interval : intervals_) {
      if (interval.first < std::min(interval.end, first))
        left.push_back({interval.first, std::min(interval.end, first)});
      if (std::max(interval.first, end) < interval.end) left.push_back({std::max(interval.first, end), interval.end});
    }
    intervals_ = std::move(left);
  }

  uint64_t size() const {
    uint64_t size = 0;
    for (const auto& interval : intervals_) size += interval.end - interval.first;
    return size;
  }

  const std::vector<Interval>& intervals() const { return intervals_; }

 private:
  std::vector<Interval> intervals_;
};

uint64_t count_of(const std::vector<IdRange>& ranges) {
  uint64_t count = 0;
  for (const auto& range : ranges) count += range.size;
  return count;
}

// The ids of `inside` one after the other are those of `from`, until one of them has no more.
std::vector<IdRange> pair_up(const IdSet& inside, const IdSet& from) {
  std::vector<IdRange> out;
  auto source = from.intervals().begin();
  uint64_t used = 0;
  for (const auto& interval : inside.intervals()) {
    for (uint64_t at = interval.first; at < interval.end && source != from.intervals().end();) {
      const uint64_t size = std::min(interval.end - at, source->end - source->first - used);
      out.push_back(
          {static_cast<uint32_t>(at), static_cast<uint32_t>(source->first + used), static_cast<uint32_t>(size)});
      at += size;
      used += size;
      if (source->first + used == source->end) ++source, used = 0;
    }
  }
  return out;
}

// ---- words

Error malformed(std::string_view option, const std::string& text) {
  return {Errc::invalid, fmt::format("{} {}: must be [+ug]CONTAINER:[@]FROM[:SIZE]", option, printable(text))};
}

Result<IdWords> parse_words(std::string_view inside, std::string_view from, std::string_view size) {
  IdWords words;
  bool users = false;
  bool groups = false;
  for (; !inside.empty() && (inside[0] < '0' || inside[0] > '9'); inside.remove_prefix(1)) {
    if (inside[0] != '+' && inside[0] != 'u' && inside[0] != 'g') return Error(Errc::invalid, "not a flag");
    words.extends = words.extends || inside[0] == '+';
    users = users || inside[0] == 'u';
    groups = groups || inside[0] == 'g';
  }
  words.for_users = users || !groups;
  words.for_groups = groups || !users;
  words.from_host = from.starts_with('@');
  if (words.from_host) from.remove_prefix(1);
  words.range = {static_cast<uint32_t>(TRY(parse_unsigned(inside, "an id", UINT32_MAX))),
                 static_cast<uint32_t>(TRY(parse_unsigned(from, "an id", UINT32_MAX))),
                 static_cast<uint32_t>(TRY(parse_unsigned(size, "a size", UINT32_MAX)))};
  return words;
}

Result<void> add_words(const std::string& text, std::string_view option, std::vector<IdWords>& out) {
  auto parts = split(text, ':');
  if (parts.size() == 2) parts.emplace_back("1");
  if (parts.empty() || parts.size() % 3 != 0) return malformed(option, text);
  for (size_t i = 0; i < parts.size(); i += 3) {
    auto words = parse_words(parts[i], parts[i + 1], parts[i + 2]);
    if (!words) return malformed(option, text);
    if (words->range.size == 0) {
      return Error(Errc::invalid, fmt::format("{} {}: the size must not be 0", option, printable(text)));
    }
    out.push_back(*words);
  }
  return ok();
}

// ---- one of the two maps, over intermediate ids

struct Kind {
  std::string_view id;      // "uid"
  std::string_view option;  // "--uidmap"
};
constexpr Kind k_users{"uid", "--uidmap"};
constexpr Kind k_groups{"gid", "--gidmap"};

Error not_available(const Kind& kind, uint64_t first, uint64_t size, const std::vector<IdRange>& available,
                    bool from_host) {
  std::vector<std::string> parts;
  for (const auto& range : available) {
    const uint64_t start = from_host ? range.outside : range.inside;
    parts.push_back(range.size == 1 ? fmt::format("{}", start) : fmt::format("{}-{}", start, start + range.size - 1));
  }
  if (!from_host) parts = {fmt::format("0-{}", count_of(available) - 1)};
  const auto wanted = size == 1 ? fmt::format("{}{} is", kind.id, fmt::format(" {}", first))
                                : fmt::format("{}s {}-{} are", kind.id, first, first + size - 1);
  return Error(Errc::invalid, fmt::format("{} not among those of this user: {}{}", wanted, join(parts, ", "),
                                          from_host ? " of the host" : ""))
      .with_hint("`ctr unshare cat /proc/self/uid_map` shows which ids of the host stand behind them");
}

// What an entry asks for in intermediate ids.
Result<std::vector<IdRange>> intermediate_ranges(const IdWords& words, const Kind& kind,
                                                 const std::vector<IdRange>& available) {
  const auto& range = words.range;
  if (words.from_host) {
    auto nested = runtime::nest_ranges({range}, available);
    if (!nested) return not_available(kind, range.outside, range.size, available, true);
    return nested;
  }
  if (uint64_t{range.outside} + range.size > count_of(available)) {
    return not_available(kind, range.outside, range.size, available, false);
  }
  return std::vector<IdRange>{range};
}

// What is left of `range` when the ids that `taken` uses on either side are gone.
std::vector<IdRange> without(const IdRange& range, const IdRange& taken) {
  IdSet offsets(0, range.size);
  const auto remove = [&](uint64_t own, uint64_t other) {
    const uint64_t first = std::max(own, other);
    const uint64_t end = std::min(own + range.size, other + taken.size);
    if (first < end) offsets.remove(first - own, end - own);
  };
  remove(range.inside, taken.inside);
  remove(range.outside, taken.outside);
  std::vector<IdRange> left;
  for (const auto& part : offsets.intervals()) {
    left.push_back({static_cast<uint32_t>(range.inside + part.first), static_cast<uint32_t>(range.outside + part.first),
                    static_cast<uint32_t>(part.end - part.first)});
  }
  return left;
}

void make_room(std::vector<IdRange>& map, const IdRange& taken) {
  std::vector<IdRange> left;
  for (const auto& range : map) {
    for (const auto& part : without(range, taken)) left.push_back(part);
  }
  map = std::move(left);
}

// The ids that no range uses yet stand for the numbers that none is given to, from 0 on.
void fill_gaps(std::vector<IdRange>& map, uint64_t available) {
  IdSet inside(0, UINT32_MAX);
  IdSet from(0, available);
  for (const auto& range : map) {
    inside.remove(range.inside, uint64_t{range.inside} + range.size);
    from.remove(range.outside, uint64_t{range.outside} + range.size);
  }
  for (const auto& range : pair_up(inside, from)) map.push_back(range);
}

Result<std::vector<IdRange>> build_map(const std::vector<IdWords>& list, const Kind& kind,
                                       const std::vector<IdRange>& available) {
  std::vector<IdRange> map;
  bool only_extends = true;
  for (const auto& words : list) {
    only_extends = only_extends && words.extends;
    const auto ranges = TRY(intermediate_ranges(words, kind, available).context(std::string(kind.option)));
    for (const auto& range : ranges) {
      if (words.extends) make_room(map, range);
      map.push_back(range);
    }
  }
  if (only_extends) fill_gaps(map, count_of(available));
  return runtime::normalized(std::move(map));
}

// The entries that count for one of the maps: its own, else the other's.
std::vector<IdWords> entries_for(const std::vector<IdWords>& own, const std::vector<IdWords>& other,
                                 bool IdWords::* counts) {
  auto entries = own.empty() ? other : own;
  std::erase_if(entries, [&](const IdWords& words) { return !(words.*counts); });
  return entries;
}

// The kernel and every image need root.
Result<void> check_root(const IdMap& map) {
  if (runtime::to_outside(map.uids, 0) && runtime::to_outside(map.gids, 0)) return ok();
  const bool users = !runtime::to_outside(map.uids, 0).has_value();
  return Error(Errc::invalid,
               fmt::format("the {} map leaves out id 0 of the container, which must exist", users ? "uid" : "gid"))
      .with_hint("map it, or begin each entry with '+' to have the gaps filled");
}

Result<IdMap> finished(const IdMap& intermediate, const IdMap& available) {
  TRY(runtime::check_map(intermediate));
  TRY(check_root(intermediate));
  IdMap map = {runtime::through_map(intermediate.uids, available.uids),
               runtime::through_map(intermediate.gids, available.gids)};
  TRY(runtime::check_map(map));
  return map;
}

// ---- automatic maps

struct AutoKind {
  Kind kind;
  const std::vector<std::string>& forced;
  std::vector<IdRange> IdMap::* ranges;
};

Error too_few(const Kind& kind, uint64_t wanted, uint64_t free, uint64_t all) {
  return Error(Errc::no_space,
               fmt::format("--userns auto: the container needs {} {}s, and {} of the {} subordinate ones are free",
                           wanted, kind.id, free, all))
      .with_hint(
          "remove containers with ids of their own, ask for fewer with auto:size=N, or give the user more in "
          "/etc/subuid and /etc/subgid");
}

Result<std::vector<IdRange>> automatic_ranges(const AutoMapInput& input, const AutoKind& of) {
  const auto& available = input.available.*of.ranges;
  const uint64_t count = count_of(available);
  const auto option = fmt::format("--userns auto:{}mapping", of.kind.id);
  std::vector<IdRange> forced;
  for (const auto& words : TRY(parse_id_words(of.forced, option))) {
    for (const auto& range : TRY(intermediate_ranges(words, of.kind, available).context(option))) {
      forced.push_back(range);
    }
  }
  IdSet inside(0, input.size);
  IdSet from(1, count);
  for (const auto& range : forced) {
    inside.remove(range.inside, uint64_t{range.inside} + range.size);
    from.remove(range.outside, uint64_t{range.outside} + range.size);
  }
  for (const auto& map : input.taken) {
    for (const auto& range : map.*of.ranges) {
      for (const auto& home : available) {
        const uint64_t first = std::max(range.outside, home.outside);
        const uint64_t end = std::min(uint64_t{range.outside} + range.size, uint64_t{home.outside} + home.size);
        if (first < end) from.remove(home.inside + (first - home.outside), home.inside + (end - home.outside));
      }
    }
  }
  if (from.size() < inside.size())
    return too_few(of.kind, inside.size(), from.size(), count - std::min<uint64_t>(count, 1));
  auto map = pair_up(inside, from);
  map.insert(map.end(), forced.begin(), forced.end());
  return runtime::normalized(std::move(map));
}

}  // namespace

Result<std::vector<IdWords>> parse_id_words(const std::vector<std::string>& texts, std::string_view option) {
  std::vector<IdWords> out;
  for (const auto& text : texts) TRY(add_words(text, option, out));
  return out;
}

Result<IdMap> explicit_map(const UsernsChoice& choice, const IdMap& available) {
  const auto users = TRY(parse_id_words(choice.uid_maps, k_users.option));
  const auto groups = TRY(parse_id_words(choice.gid_maps, k_groups.option));
  const IdMap map = {TRY(build_map(entries_for(users, groups, &IdWords::for_users), k_users, available.uids)),
                     TRY(build_map(entries_for(groups, users, &IdWords::for_groups), k_groups, available.gids))};
  return finished(map, available);
}

Result<IdMap> subid_map(const std::vector<SubidRange>& users, const std::vector<SubidRange>& groups,
                        const IdMap& available) {
  const auto words_of = [](const std::vector<SubidRange>& ranges) {
    std::vector<IdWords> list;
    uint64_t next = 0;
    for (const auto& range : ranges) {
      const auto size = static_cast<uint32_t>(std::min<uint64_t>(range.count, UINT32_MAX - next));
      if (size == 0) continue;
      list.push_back({.range = {static_cast<uint32_t>(next), range.first, size}, .from_host = true});
      next += size;
    }
    return list;
  };
  const Kind user_kind{"uid", "--subuidname"};
  const Kind group_kind{"gid", "--subgidname"};
  const IdMap map = {TRY(build_map(words_of(users), user_kind, available.uids)),
                     TRY(build_map(words_of(groups), group_kind, available.gids))};
  return finished(map, available);
}

Result<IdMap> subordinate_map(const IdMap& available) {
  const auto ranges = [](const std::vector<IdRange>& all) {
    return pair_up(IdSet(0, UINT32_MAX), IdSet(1, count_of(all)));
  };
  if (count_of(available.uids) < 2 || count_of(available.gids) < 2) {
    return Error(Errc::unsupported, "--userns nomap needs subordinate ids, and this user has none")
        .with_hint("`ctr doctor` says how to get some");
  }
  return finished({ranges(available.uids), ranges(available.gids)}, available);
}

Result<IdMap> automatic_map(const AutoMapInput& input) {
  const AutoKind users{k_users, input.choice.uid_maps, &IdMap::uids};
  const AutoKind groups{k_groups, input.choice.gid_maps, &IdMap::gids};
  const IdMap map = {TRY(automatic_ranges(input, users)), TRY(automatic_ranges(input, groups))};
  return finished(map, input.available);
}

uint32_t needed_ids(std::string_view passwd, std::string_view group) {
  uint32_t needed = k_least_automatic_ids;
  const auto count = [&](std::string_view name, uint32_t id) {
    if (name == "nobody" || name == "nogroup" || id == k_nobody || id == UINT32_MAX) return;
    needed = std::max(needed, id + 1);
  };
  for (const auto& user : parse_passwd(passwd)) {
    count(user.name, user.uid);
    count(user.name, user.gid);
  }
  for (const auto& entry : parse_group(group)) count(entry.name, entry.gid);
  return needed;
}

bool keeps_owners(const IdMap& map, const IdMap& available) {
  const auto same = [](const IdRange& range) { return range.inside == range.outside; };
  const auto nested = runtime::nest_map(map, available);
  return nested && std::all_of(nested->uids.begin(), nested->uids.end(), same) &&
         std::all_of(nested->gids.begin(), nested->gids.end(), same);
}

}  // namespace ctr::engine
