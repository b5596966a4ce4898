#include "engine/caps.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "runtime/capability.h"

namespace ctr::engine {

namespace {

using Set = std::set<std::string>;

struct Wanted {
  bool all = false;
  Set names;
};

Result<Wanted> normalise_all(const std::vector<std::string>& words) {
  Wanted wanted;
  for (const auto& word : words) {
    auto name = TRY(normalise_capability(word));
    if (name == "ALL") {
      wanted.all = true;
    } else {
      wanted.names.insert(std::move(name));
    }
  }
  return wanted;
}

Set all_capabilities() { return {known_capabilities().begin(), known_capabilities().end()}; }

std::vector<std::string> sorted(const Set& names) { return {names.begin(), names.end()}; }

// defaults, --cap-add and --cap-drop joined: ALL on one side means that the other side names the exceptions.
Set bounding_set(const CapabilityInput& input, const Wanted& defaults, const Wanted& add, const Wanted& drop) {
  if (input.privileged) return all_capabilities();
  auto bounding = defaults.all ? all_capabilities() : defaults.names;
  if (drop.all) bounding.clear();
  if (add.all) bounding = all_capabilities();
  bounding.insert(add.names.begin(), add.names.end());
  for (const auto& name : drop.names) bounding.erase(name);
  return bounding;
}

}  // namespace

const std::vector<std::string>& known_capabilities() {
  static const std::vector<std::string> k_names = runtime::all_capabilities();
  return k_names;
}

Result<std::string> normalise_capability(std::string_view text) {
  auto name = to_upper(text);
  if (name == "ALL") return name;
  if (!name.starts_with("CAP_")) name = "CAP_" + name;
  const auto& known = known_capabilities();
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    return Error(Errc::invalid, fmt::format("unknown capability \"{}\"", printable(name)));
  }
  return name;
}

Result<runtime::SpecCapabilities> container_capabilities(const CapabilityInput& input) {
  const auto add = TRY(normalise_all(input.add));
  const auto drop = TRY(normalise_all(input.drop));
  if (add.all && drop.all) return Error(Errc::invalid, "capabilities cannot be both added and dropped: ALL");
  for (const auto& name : add.names) {
    if (drop.names.contains(name)) {
      return Error(Errc::invalid, fmt::format("capability \"{}\" cannot be both dropped and added", name));
    }
  }
  // containers.conf may leave the "CAP_" out.
  const auto bounding = bounding_set(input, TRY(normalise_all(input.defaults)), add, drop);
  runtime::SpecCapabilities sets;
  sets.bounding = sorted(bounding);
  if (input.root) {
    sets.effective = sets.permitted = sets.bounding;
    return sets;
  }
  if (!input.privileged) {
    sets.effective = sorted(add.all ? bounding : add.names);
    sets.permitted = sets.inheritable = sets.ambient = sets.effective;
  }
  return sets;
}

}  // namespace ctr::engine
