// Who the process is and what it may: groups, ids, capabilities, the filter.
#include <fmt/format.h>
#include <linux/seccomp.h>
#include <signal.h>

#include <algorithm>

#include "base/text.h"
#include "runtime/capability.h"
#include "runtime/compile_parts.h"

namespace ctr::runtime {
namespace {

bool keeps_groups(const RuntimeSpec& spec) {
  const auto found = spec.annotations.find("run.oci.keep_original_groups");
  return found != spec.annotations.end() && found->second == "1";
}

void emit_filter(const CompileInput& input, ProgramBuilder* out) {
  const SeccompProgram* filter = input.options.seccomp;
  if (filter == nullptr) return;
  // struct sock_filter is 8 bytes.
  out->act("load the seccomp filter");
  out->add({.kind = ChildOpKind::load_filter,
            .text = out->bytes(filter->bpf),
            .x = filter->bpf.size() / 8,
            .y = filter->flags});
  if ((filter->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0) out->program().hands_over_listener = true;
}

// Bits of `names`, as far as they can be granted and are in `limit`. What is left out, and the reason, is a notice: the
// specification wants a warning, not a failure.
uint64_t granted(const CompileInput& input, const std::vector<std::string>& names, uint64_t limit,
                 std::string_view reason, std::vector<std::string>* notices) {
  uint64_t bits = 0;
  const auto leave_out = [&](const std::string& name, std::string_view why) {
    std::string notice = fmt::format("capability '{}' {} and is left out", printable(name), why);
    if (std::find(notices->begin(), notices->end(), notice) == notices->end()) notices->push_back(std::move(notice));
  };
  for (const std::string& name : names) {
    const auto number = parse_capability(name);
    const uint64_t bit = number ? uint64_t{1} << *number : 0;
    if (bit == 0)
      leave_out(name, "is not known");
    else if ((bit & input.options.facts.capabilities) == 0)
      leave_out(name, "cannot be granted here");
    else if ((bit & limit) == 0)
      leave_out(name, reason);
    else
      bits |= bit;
  }
  return bits;
}

// The kernel's rules (capabilities(7), capset(2)): effective within permitted; inheritable within the bounding set,
// which is limited first; ambient within both permitted and inheritable.
CapabilitySets capability_sets(const CompileInput& input, std::vector<std::string>* notices) {
  const SpecCapabilities wanted = input.process.capabilities.value_or(SpecCapabilities{});
  CapabilitySets sets{};
  sets.bounding = granted(input, wanted.bounding, UINT64_MAX, "", notices);
  sets.permitted = granted(input, wanted.permitted, UINT64_MAX, "", notices);
  sets.effective = granted(input, wanted.effective, sets.permitted, "is not in the permitted set", notices);
  sets.inheritable = granted(input, wanted.inheritable, sets.bounding, "is not in the bounding set", notices);
  sets.ambient = granted(input, wanted.ambient, sets.permitted & sets.inheritable,
                         "is not in both the permitted and the inheritable set", notices);
  return sets;
}

// The kernel denies setgroups(2) where an unprivileged process wrote the single-id map (user_namespaces(7)).
bool groups_denied(const CompileInput& input) {
  return input.user_namespace && input.spec.linux_config.ids.is_single() && !input.host.privileged();
}

Result<void> check_identity(const CompileInput& input) {
  const SpecUser& user = input.process.user;
  const IdMap& ids = input.spec.linux_config.ids;
  // The primary group as one of the additional ones gives no right that it does not give itself.
  const bool has_others = std::any_of(user.additional_gids.begin(), user.additional_gids.end(),
                                      [&](uint32_t gid) { return gid != user.gid; });
  if (groups_denied(input) && has_others) {
    return Error(Errc::unsupported, "additional groups need subordinate ids")
        .with_hint("give the user ranges in /etc/subuid and /etc/subgid");
  }
  if (!input.user_namespace || ids.empty()) return ok();
  if (!to_outside(ids.uids, user.uid)) {
    return Error(Errc::invalid,
                 fmt::format("uid {} is not mapped in the container ({})", user.uid, format_ranges(ids.uids)));
  }
  std::vector<uint32_t> groups = user.additional_gids;
  groups.insert(groups.begin(), user.gid);
  for (const uint32_t gid : groups) {
    if (to_outside(ids.gids, gid)) continue;
    return Error(Errc::invalid,
                 fmt::format("gid {} is not mapped in the container ({})", gid, format_ranges(ids.gids)));
  }
  return ok();
}

void emit_capabilities(const CapabilitySets& sets, ProgramBuilder* out) {
  out->act("set the capabilities");
  out->add({.kind = ChildOpKind::set_capabilities, .x = sets.effective, .y = sets.permitted, .z = sets.inheritable});
  if (sets.ambient != 0) out->add({.kind = ChildOpKind::raise_ambient, .x = sets.ambient});
}

// Without no_new_privs the filter needs CAP_SYS_ADMIN to be loaded, so that it comes before the last step of dropping;
// with it, the filter comes last and need not allow any of this.
bool filter_before_capabilities(const CompileInput& input) {
  return input.options.seccomp != nullptr && !input.process.no_new_privileges;
}

}  // namespace

Result<CapabilitySets> emit_identity(const CompileInput& input, ProgramBuilder* out) {
  TRY(check_identity(input));
  const SpecUser& user = input.process.user;
  out->act("limit the capability bounding set");
  const CapabilitySets sets = capability_sets(input, &out->program().notices);
  out->add({.kind = ChildOpKind::limit_bounding_set, .x = sets.bounding});
  if (!groups_denied(input) && !keeps_groups(input.spec)) {
    out->act("set the additional groups");
    const std::string raw(reinterpret_cast<const char*>(user.additional_gids.data()),
                          user.additional_gids.size() * sizeof(uint32_t));
    out->add({.kind = ChildOpKind::set_groups, .text = out->bytes(raw), .x = user.additional_gids.size()});
  }
  out->act(fmt::format("become user {}:{}", user.uid, user.gid));
  out->add({.kind = ChildOpKind::keep_capabilities});
  out->add({.kind = ChildOpKind::set_group, .x = user.gid});
  out->add({.kind = ChildOpKind::set_user, .x = user.uid});
  return sets;
}

void emit_rights(const CompileInput& input, const CapabilitySets& sets, ProgramBuilder* out) {
  if (!filter_before_capabilities(input)) return emit_capabilities(sets, out);
  const uint64_t admin = uint64_t{1} << *parse_capability("CAP_SYS_ADMIN");
  out->act("keep what loading the filter takes");
  const uint64_t needed = sets.permitted | admin;
  out->add({.kind = ChildOpKind::set_capabilities, .x = needed, .y = needed, .z = sets.inheritable});
}

void emit_last_rights(const CompileInput& input, const CapabilitySets& sets, ProgramBuilder* out) {
  if (filter_before_capabilities(input)) {
    emit_filter(input, out);
    emit_capabilities(sets, out);
  }
  if (!input.process.no_new_privileges) return;
  out->act("set no_new_privs");
  out->add({.kind = ChildOpKind::no_new_privileges});
  emit_filter(input, out);
}

}  // namespace ctr::runtime
