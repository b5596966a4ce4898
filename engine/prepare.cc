#include "engine/prepare.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/parse.h"
#include "base/signals.h"
#include "base/text.h"
#include "engine/cgroup_choice.h"
#include "engine/env.h"
#include "engine/health.h"
#include "engine/host_probe.h"
#include "engine/hosts.h"
#include "engine/id_maps.h"
#include "engine/join_network.h"
#include "engine/limits.h"
#include "engine/live_cgroup.h"
#include "engine/log_choice.h"
#include "engine/mount_sources.h"
#include "engine/network_files.h"
#include "engine/other_runtime.h"
#include "engine/pod_up.h"
#include "engine/root_files.h"
#include "engine/shared_namespaces.h"
#include "engine/spec_gen.h"
#include "engine/timezone.h"
#include "engine/transfer.h"
#include "engine/user_namespace.h"
#include "runtime/cgroup_check.h"
#include "runtime/foreign_spec.h"
#include "runtime/intel_rdt.h"
#include "storage/image_lists.h"

namespace ctr::engine {

namespace {

std::string effective_hostname(const ContainerSpec& spec, const std::string& id) {
  if (!spec.hostname.empty()) return spec.hostname;
  const bool from_host = spec.network.mode == NetworkChoice::Mode::host || spec.uts.mode == NamespaceChoice::Mode::host;
  return from_host ? host_name() : id.substr(0, 12);
}

Result<std::string> find_init(Core& core, const std::string& wanted) {
  const auto* config = TRY(core.config());
  if (!wanted.empty()) {
    if (path_exists(wanted)) return wanted;
    return Error(Errc::not_found, fmt::format("--init-path '{}' does not exist", printable(wanted)));
  }
  // A program of the user's choice has to be there; without one it is ours.
  if (config->init_path.empty()) return find_own_program(core.options(), "ctr-init");
  if (path_exists(config->init_path)) return config->init_path;
  return Error(Errc::not_found, "init_path of containers.conf: '" + config->init_path + "' does not exist");
}

// --runtime. A root that is a FUSE file system is served from a namespace that other runtimes do not know of.
Result<void> choose_runtime(Core& core, const ContainerSpec& spec, PreparedContainer& prepared) {
  auto& path = prepared.launch.runtime;
  path = TRY(find_runtime(spec.runtime, core.options().environment));
  prepared.record.spec.runtime = path;
  if (path.empty()) return ok();
  // Other runtimes are given containers as files, which are no place for secrets.
  if (!spec.secrets.empty()) {
    return Error(Errc::unsupported,
                 fmt::format("--secret is not supported with --runtime '{}'", printable(spec.runtime)));
  }
  if (const auto* option = first_sharing_option(spec); option != nullptr) {
    return Error(Errc::unsupported,
                 fmt::format("--{} container: is not supported with --runtime '{}'", option, printable(spec.runtime)));
  }
  if (spec.userns.mode == UsernsChoice::Mode::pod) {
    return Error(Errc::unsupported, fmt::format("--pod is not supported with --runtime '{}'", printable(spec.runtime)));
  }
  if (spec.userns.mode == UsernsChoice::Mode::container || spec.userns.mode == UsernsChoice::Mode::path) {
    return Error(Errc::unsupported, fmt::format("--userns {}: is not supported with --runtime '{}'",
                                                spec.userns.mode == UsernsChoice::Mode::path ? "ns" : "container",
                                                printable(spec.runtime)));
  }
  if (prepared.launch.rootfs.kind == runtime::RootfsPlan::Kind::fuse) {
    return Error(Errc::unsupported, fmt::format("--runtime '{}' needs overlay mounts of the kernel: the container "
                                                "must have the usual ids, without --userns or --uidmap",
                                                printable(spec.runtime)));
  }
  return runtime::check_foreign(prepared.spec).context(fmt::format("--runtime '{}'", printable(spec.runtime)));
}

// Source: podman, "io.containers.seccomp.profile".
Result<std::string> profile_of_image(const ContainerBase& base) {
  const auto found = base.config.labels.find("io.containers.seccomp.profile");
  if (!base.image) return Error(Errc::invalid, "cannot read seccomp profile without a valid image");
  if (found == base.config.labels.end() || found->second.empty()) {
    return Error(Errc::invalid, "no seccomp policy defined by image")
        .with_hint("--seccomp-policy default takes the usual profile");
  }
  return found->second;
}

// The filter, and its profile in the specification. Fails closed: without kernel support the user must say unconfined.
Result<void> add_seccomp(Core& core, const ContainerSpec& spec, const ContainerBase& base,
                         PreparedContainer& prepared) {
  const auto& wanted = spec.security.seccomp_profile;
  if (wanted == "unconfined" || (spec.security.privileged && wanted.empty())) return ok();
  const auto* host = TRY(core.host());
  if (!host->seccomp) {
    return Error(Errc::unsupported, "this kernel has no seccomp filters")
        .with_hint("run it unconfined with --security-opt seccomp=unconfined");
  }
  const auto* config = TRY(core.config());
  const auto path = wanted.empty() ? config->seccomp_profile : wanted;
  const auto text = spec.security.seccomp_of_image ? TRY(profile_of_image(base))
                    : path.empty()                 ? TRY(runtime::find_default_seccomp()).text
                                                   : TRY(read_file(path));
  const auto* store = TRY(core.store());
  const auto cache = TRY(store->dir().open_or_make_dir("seccomp", 0700));
  auto selected = TRY(runtime::prepare_seccomp(text, prepared.record.capabilities, cache));
  // An image may not say who on this host decides about system calls.
  if (spec.security.seccomp_of_image && selected.oci.find("listenerPath") != nullptr) {
    return Error(Errc::unsupported, "the seccomp profile of the image names an agent (listenerPath)");
  }
  prepared.spec.linux_config.seccomp = std::move(selected.oci);
  prepared.launch.seccomp_flags = selected.program.flags;
  prepared.seccomp_bpf = std::move(selected.program.bpf);
  return ok();
}

// -w must exist; the image's WORKDIR is made by the runtime when it is missing.
Result<void> check_working_dir(const ContainerSpec& spec, const std::string& id, const MountPlan& mounts,
                               const storage::MergedView& view) {
  if (spec.working_dir.empty() || spec.working_dir == "/") return ok();
  const auto cleaned = clean_destination(spec.working_dir);
  if (!cleaned) return ok();  // generate_spec has the words
  const auto below = [&](const auto& planned) { return (*cleaned + "/").starts_with(planned.mount.destination + "/"); };
  if (std::any_of(mounts.mounts.begin(), mounts.mounts.end(), below)) return ok();
  for (const char* own : {"/proc", "/dev", "/sys"}) {
    if (cleaned->starts_with(own)) return ok();
  }
  const auto type = TRY(view.type(*cleaned));
  if (type == storage::MergedView::Type::directory) return ok();
  return Error(Errc::not_found,
               fmt::format("workdir \"{}\" does not exist on container {}", printable(spec.working_dir), id))
      .with_hint("name a directory of the image with --workdir, or mount one there");
}

ContainerRecord make_record(const PrepareInput& input, const ContainerBase& base) {
  ContainerRecord record;
  record.id = input.id;
  record.name = input.name;
  record.spec = input.spec;
  record.created = now();
  record.hostname = effective_hostname(input.spec, input.id);
  record.user = input.spec.user.empty() ? base.config.user : input.spec.user;
  record.working_dir = input.spec.working_dir.empty() ? base.config.working_dir : input.spec.working_dir;
  if (record.working_dir.empty()) record.working_dir = "/";
  if (base.image) {
    record.image_name = base.image->name;
    record.image_id = base.image->record.id.hex();
    record.image_digest = base.image->record.manifest.digest.to_string();
  }
  record.exposed_ports.assign(base.config.exposed_ports.begin(), base.config.exposed_ports.end());
  for (const auto& [key, value] : base.config.labels) record.spec.labels.emplace(key, value);
  record.spec.health = choose_health(record.spec.health, base.config.health);
  return record;
}

Result<bool> runs_systemd(const ContainerSpec& spec, const ContainerBase& base) {
  if (spec.systemd == SystemdMode::off) return false;
  return spec.systemd == SystemdMode::always || is_systemd(TRY(effective_command(spec, base.config)).argv);
}

// What systemd works in. Without it the container is set up all the same, unless it was asked for.
Result<bool> has_cgroup_for_systemd(Core& core, const ContainerSpec& spec, const runtime::CgroupPlan& cgroup) {
  const auto mode = TRY(core.host())->cgroup.mode;
  const bool v2 = mode == runtime::CgroupMode::v2_delegated || mode == runtime::CgroupMode::v2_not_delegated;
  if (v2 && cgroup.kind != runtime::CgroupPlan::Kind::none) return true;
  auto error = no_cgroup(mode, "systemd in a container");
  if (spec.systemd == SystemdMode::always) return error;
  core.warn(error.text());
  return false;
}

Result<void> set_stop(Core& core, const ContainerSpec& spec, const ContainerBase& base, ContainerRecord& record) {
  const auto* config = TRY(core.config());
  const auto& signal = spec.stop_signal.empty() ? base.config.stop_signal : spec.stop_signal;
  if (!signal.empty()) record.stop_signal = TRY(parse_signal(signal));
  // On which systemd shuts down, see systemd(1).
  if (signal.empty() && record.systemd) record.stop_signal = TRY(parse_signal("RTMIN+3"));
  const auto timeout = spec.stop_timeout.value_or(config->stop_timeout);
  record.stop_timeout_seconds = static_cast<int>(timeout.count());
  return ok();
}

void fill_record(PreparedContainer& prepared) {
  auto& record = prepared.record;
  const auto& process = *prepared.spec.process;
  record.argv = process.args;
  record.env = process.env;
  record.capabilities = process.capabilities->bounding;
  record.effective_capabilities = process.capabilities->effective;
  for (const auto& planned : prepared.mounts.mounts) record.mounts.push_back(planned.record);
  const auto& asked = record.spec.log.driver;
  record.log_driver = asked == "passthrough-tty" ? asked : runtime::log_driver_name(prepared.launch.log.driver);
}

// The mounts, whose sources are there; all that are not the image's are in `spec` then.
Result<MountPlan> plan_all_mounts(Core& core, ContainerSpec& spec, const PrepareInput& input,
                                  const ContainerBase& base) {
  spec.mounts = TRY(complete_mounts(core, spec));
  auto places = mount_places(core, input.bundle);
  if (!spec.pod.empty()) places.memory_dir = TRY(pod_memory_dir(core, spec.pod));
  auto plan = TRY(plan_mounts(spec, spec.mounts, base.config.volumes, places));
  TRY(check_sources(plan));
  return plan;
}

// What lies over the image's accounts. A volume that is filled at the first start has the image's there.
Result<std::vector<runtime::SpecMount>> mounts_with_accounts(Core& core, const MountPlan& plan) {
  std::vector<runtime::SpecMount> mounts;
  for (const auto& planned : plan.mounts) {
    const auto& record = planned.record;
    const bool is_near = record.destination == "/etc" || record.destination.starts_with("/etc/");
    if (is_near && record.type == "volume") {
      const auto volume = TRY(TRY(core.store())->volumes().find(record.name));
      if (!volume || (record.copy_up && volume->needs_copy_up)) continue;
    }
    mounts.push_back(planned.mount);
  }
  return mounts;
}

// Overlays of the kernel are mounted by the container's root, and show files with the owners they have.
Result<void> check_overlays(Core& core, const UsernsChoice& choice, const runtime::IdMap& ids, const MountPlan& plan) {
  if (choice.mode == UsernsChoice::Mode::host) return ok();
  const auto* host = TRY(core.host());
  const bool has_user = runtime::to_inside(ids.uids, host->uid) && runtime::to_inside(ids.gids, host->gid);
  for (const auto& planned : plan.mounts) {
    const auto place = printable(planned.mount.destination);
    if (planned.record.type == "image" && !keeps_owners(ids, host->default_map())) {
      return Error(Errc::unsupported, fmt::format("the image at '{}' cannot be mounted with this user namespace, which "
                                                  "would show its files with other owners",
                                                  place))
          .with_hint("leave out --userns and --uidmap, or copy the files into a volume");
    }
    if (planned.record.overlay && !has_user) {
      return Error(Errc::unsupported, fmt::format("the option 'O' of the mount at '{}' needs a user namespace that has "
                                                  "the ids of the user",
                                                  place))
          .with_hint("map them with --userns keep-id, --uidmap or auto:uidmapping=");
    }
  }
  return ok();
}

// Who is not root of the machine has no say in this: his container opens what he may open.
bool limits_devices(const ContainerSpec& spec, const runtime::CgroupPlan& cgroup, const runtime::HostFacts& host) {
  return host.privileged() && !runtime::in_user_namespace() && !spec.security.privileged &&
         cgroup.kind != runtime::CgroupPlan::Kind::none;
}

Result<std::vector<runtime::SpecDeviceRule>> all_device_rules(const ContainerSpec& spec, const CdiEdits& cdi) {
  auto rules = TRY(device_rules(spec.devices));
  for (auto& rule : TRY(device_rules(cdi.devices))) rules.push_back(std::move(rule));
  for (const auto& text : spec.device_rules) rules.push_back(TRY(parse_device_rule(text)));
  return rules;
}

// Who shares a network shares the files of its names, as far as there are any.
Result<void> share_files(Core& core, const ContainerSpec& spec, SpecInput& generation) {
  generation.network_dir = TRY(shared_files_dir(core, spec));
  generation.has_resolv_conf = generation.has_resolv_conf && path_exists(generation.network_dir + "/resolv.conf");
  generation.has_hosts = generation.has_hosts && path_exists(generation.network_dir + "/hosts");
  return ok();
}

// A name may be that of a list, and an image in a file has no name that could be looked up: then the id counts.
Result<FoundImage> image_of(Core& core, const ContainerSpec& spec, const std::string& image_id) {
  auto named = TRY(find_image_record(core, spec.image));
  if (named && !storage::is_list(named->record)) return std::move(*named);
  if (image_id.empty()) return get_single_image(core, spec.image);
  auto image = TRY(get_image_record(core, image_id));
  if (named) image.name = std::move(named->name);
  return image;
}

}  // namespace

Result<ContainerBase> find_base(Core& core, const ContainerSpec& spec, const storage::ContainerId& id,
                                const std::string& bundle, const std::string& image_id) {
  ContainerBase base;
  base.rootfs.mount_point = bundle + "/rootfs";
  base.rootfs.skip_sync = true;
  if (!spec.rootfs.empty()) {
    const auto dir = Dir::open(spec.rootfs);
    if (!dir) return dir.error();
    base.rootfs.kind = runtime::RootfsPlan::Kind::directory;
    base.rootfs.directory = spec.rootfs;
    return base;
  }
  const auto* store = TRY(core.store());
  base.image = TRY(image_of(core, spec, image_id));
  base.config = TRY(store->images().read_config(base.image->record));
  auto rootfs = TRY(storage::make_rootfs(*store, TRY(core.driver()), base.config.diff_ids, id));
  base.rootfs.kind = rootfs.driver == storage::OverlayDriver::native ? runtime::RootfsPlan::Kind::overlay
                                                                     : runtime::RootfsPlan::Kind::fuse;
  base.rootfs.lower_dirs = std::move(rootfs.lower);
  base.rootfs.upper_dir = std::move(rootfs.upper);
  base.rootfs.work_dir = std::move(rootfs.work);
  base.rootfs.skip_sync = rootfs.is_volatile;
  return base;
}

std::vector<std::string> own_names(const ContainerRecord& record) {
  if (record.hostname == record.name) return {record.name};
  return {record.hostname, record.name};
}

Result<std::vector<std::pair<std::string, std::string>>> fresh_files(Core& core, const ContainerRecord& record,
                                                                     const runtime::RootfsPlan& rootfs) {
  const auto& spec = record.spec;
  auto files = TRY(network_files(core, spec, own_names(record), rootfs));
  files.emplace_back("containerenv",
                     container_env_file({core.options().version, record.name, record.id, record.image_name,
                                         record.image_id, core.options().uid != 0, spec.security.privileged}));
  return files;
}

Result<PreparedContainer> prepare_container(Core& core, const PrepareInput& input, const ContainerBase& base) {
  const auto* config = TRY(core.config());
  const auto* host = TRY(core.host());
  const auto& spec = input.spec;
  PreparedContainer prepared;
  prepared.record = make_record(input, base);
  auto& record = prepared.record;
  record.systemd = TRY(runs_systemd(spec, base));
  TRY(set_stop(core, spec, base, record));
  TRY(check_health_rules(record.spec));
  auto cdi = TRY(find_cdi_edits(spec.cdi_devices, config->cdi_spec_dirs));
  // Who the user is, is looked up at every start.
  for (const auto group : cdi.groups) record.spec.groups.push_back(std::to_string(group));
  prepared.launch.rootfs = base.rootfs;
  // The container has no directory of its own yet.
  auto image_root = base.rootfs;
  image_root.upper_dir.clear();
  const auto view = TRY(open_root_view(image_root));
  prepared.mounts = TRY(plan_all_mounts(core, record.spec, input, base));

  auto identity = TRY(identify(core, record, image_root, TRY(mounts_with_accounts(core, prepared.mounts))));
  own_memory_mounts(prepared.mounts, identity.user.uid, identity.user.gid);
  prepared.missing_accounts = std::move(identity.missing);
  const EnvInput env_input = {
      spec, base.config.env, config->env, core.options().environment, identity.user.home, record.hostname};
  prepared.launch.home_follows_user = takes_home_of_account(env_input);
  SpecInput generation = {spec,
                          base.config,
                          *host,
                          *config,
                          TRY(choose_ids(core, record.spec, identity.user, prepared.launch.rootfs)),
                          identity.user,
                          container_env(env_input),
                          prepared.mounts,
                          record.id,
                          record.hostname,
                          input.bundle};
  TRY(check_overlays(core, spec.userns, generation.ids, prepared.mounts));
  if (!spec.pod.empty()) {
    generation.pod_dir = TRY(core.store())->pods().path(TRY(storage::ContainerId::parse(spec.pod)));
  }
  if (spec.network.mode == NetworkChoice::Mode::pod) generation.network_dir = generation.pod_dir;
  generation.has_resolv_conf = has_resolv_conf(spec);
  generation.has_hosts = !spec.no_hosts && !config->no_hosts;
  if (spec.network.mode == NetworkChoice::Mode::container) TRY(share_files(core, spec, generation));
  generation.shares_shm = TRY(shares_shm(core, spec));
  generation.host_queues = path_exists("/dev/mqueue");
  generation.has_hostname = !spec.no_hostname && !config->no_hostname;
  generation.open_files = own_limit(RLIMIT_NOFILE);
  generation.processes = own_limit(RLIMIT_NPROC);
  TRY(check_devices(spec.devices));
  if (spec.security.privileged) generation.host_devices = host_devices();
  generation.cdi = std::move(cdi);
  const auto cgroup = TRY(choose_cgroup(spec, record.id, *config, *host));
  generation.systemd = record.systemd;
  if (record.systemd) generation.systemd_cgroup = TRY(has_cgroup_for_systemd(core, spec, cgroup));
  generation.limits_processes = can_limit(cgroup, "pids", *host);
  if (limits_devices(spec, cgroup, *host)) generation.device_rules = TRY(all_device_rules(spec, generation.cdi));
  prepared.spec = TRY(generate_spec(generation));
  if (record.spec.timezone.empty()) record.spec.timezone = config->timezone;
  if (!record.spec.timezone.empty()) TRY(find_zone(record.spec.timezone, core.options().environment));
  TRY(check_working_dir(spec, record.id, prepared.mounts, view));
  if (prepared.spec.linux_config.resources) {
    TRY(runtime::check_limits(*prepared.spec.linux_config.resources, cgroup, *host));
  }
  if (!spec.rdt_class.empty()) TRY(runtime::host_resctrl().context("--rdt-class"));
  TRY(choose_runtime(core, spec, prepared));
  using Mode = NamespaceChoice::Mode;
  const bool own_pids = spec.pid.mode == Mode::automatic || spec.pid.mode == Mode::private_;
  if (spec.init && !own_pids) {
    return Error(Errc::invalid, "cannot add init binary as PID 1 (PID namespace isn't private)");
  }
  if (spec.init || config->init) prepared.launch.init_program = TRY(find_init(core, spec.init_path));
  prepared.launch.log = TRY(choose_log(core, prepared.record, input.bundle));
  record.entrypoint = TRY(effective_command(spec, base.config)).entrypoint;
  fill_record(prepared);
  TRY(add_seccomp(core, spec, base, prepared));
  prepared.files = TRY(fresh_files(core, record, image_root));
  if (generation.has_hostname) prepared.files.emplace_back("hostname", record.hostname + "\n");
  return prepared;
}

}  // namespace ctr::engine
