// Who the process is and what it may: groups, ids, capabilities, the filter.
#include <fmt/format.h>
#include <linux/seccomp.h>
#include <signal.h>

#include "runtime/capability.h"
#include "runtime/compile_parts.h"

namespace ctr::runtime {
namespace {

bool keeps_groups(const RuntimeSpec& spec) {
  const auto found = spec.annotations.find("run.oci.keep_original_groups");
  return found != spec.annotations.end() && found->second == "1";
}

Result<void> emit_identity(const CompileInput& input, ProgramBuilder* out) {
  const SpecUser& user = input.process.user;
  const IdMap& ids = input.spec.linux_config.ids;
  // The kernel denies setgroups(2) where an unprivileged process wrote the single-id map (user_namespaces(7)).
  const bool groups_denied = input.user_namespace && ids.is_single() && !input.host.privileged();
  if (groups_denied && !user.additional_gids.empty()) {
    return Error(Errc::unsupported, "additional groups need subordinate ids")
        .with_hint("give the user ranges in /etc/subuid and /etc/subgid");
  }
  if (input.user_namespace && !ids.empty()) {
    if (!to_outside(ids.uids, user.uid)) {
      return Error(Errc::invalid,
                   fmt::format("uid {} is not mapped in the container ({})", user.uid, format_ranges(ids.uids)));
    }
    if (!to_outside(ids.gids, user.gid)) {
      return Error(Errc::invalid,
                   fmt::format("gid {} is not mapped in the container ({})", user.gid, format_ranges(ids.gids)));
    }
  }
  if (!groups_denied && !keeps_groups(input.spec)) {
    out->act("set the additional groups");
    const std::string raw(reinterpret_cast<const char*>(user.additional_gids.data()),
                          user.additional_gids.size() * sizeof(uint32_t));
    out->add({.kind = ChildOpKind::set_groups, .text = out->bytes(raw), .x = user.additional_gids.size()});
  }
  out->act(fmt::format("become user {}:{}", user.uid, user.gid));
  out->add({.kind = ChildOpKind::keep_capabilities});
  out->add({.kind = ChildOpKind::set_group, .x = user.gid});
  out->add({.kind = ChildOpKind::set_user, .x = user.uid});
  return ok();
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

CapabilitySets capability_sets(const SpecProcess& process, ProgramBuilder* out) {
  const SpecCapabilities wanted = process.capabilities.value_or(SpecCapabilities{});
  std::vector<std::string> unknown;
  CapabilitySets sets{.bounding = capability_bits(wanted.bounding, &unknown),
                      .effective = capability_bits(wanted.effective, nullptr),
                      .inheritable = capability_bits(wanted.inheritable, nullptr),
                      .permitted = capability_bits(wanted.permitted, nullptr),
                      .ambient = capability_bits(wanted.ambient, nullptr)};
  for (const std::string& name : unknown) {
    out->program().notices.push_back(fmt::format("capability '{}' is not known and is left out", name));
  }
  // The kernel's rules (capabilities(7)): effective within permitted, ambient within both permitted and inheritable.
  sets.effective &= sets.permitted;
  sets.ambient &= sets.permitted & sets.inheritable;
  return sets;
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

Result<CapabilitySets> emit_privileges(const CompileInput& input, ProgramBuilder* out) {
  const CapabilitySets sets = capability_sets(input.process, out);
  out->act("limit the capability bounding set");
  out->add({.kind = ChildOpKind::limit_bounding_set, .x = sets.bounding});
  TRY(emit_identity(input, out));
  if (filter_before_capabilities(input)) {
    const uint64_t admin = uint64_t{1} << *parse_capability("CAP_SYS_ADMIN");
    out->act("keep what loading the filter takes");
    const uint64_t needed = sets.permitted | admin;
    out->add({.kind = ChildOpKind::set_capabilities, .x = needed, .y = needed, .z = sets.inheritable});
  } else {
    emit_capabilities(sets, out);
  }
  return sets;
}

void emit_last_privileges(const CompileInput& input, const CapabilitySets& sets, ProgramBuilder* out) {
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
