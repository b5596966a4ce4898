#include "engine/spec_gen.h"

#include <cstdlib>
#include <functional>

#include "base/file.h"
#include "tests/catch.h"

namespace ctr::engine {

namespace {

runtime::HostFacts host_facts() {
  runtime::HostFacts host;
  host.uid = host.gid = 1000;
  host.subuids = host.subgids = {{100000, 65536}};
  host.newuidmap = host.newgidmap = "/usr/bin/newuidmap";
  host.cgroup.mode = runtime::CgroupMode::v2_delegated;
  host.seccomp = true;
  return host;
}

oci::ImageConfig image_config() {
  oci::ImageConfig image;
  image.entrypoint = {"/entry"};
  image.cmd = {"serve"};
  image.working_dir = "/app";
  return image;
}

Result<runtime::RuntimeSpec> generate(const ContainerSpec& spec, const runtime::HostFacts& host = host_facts(),
                                      const std::function<void(SpecInput&)>& change = {}) {
  const Config config;
  const auto image = image_config();
  MountPlaces places;
  places.make_name = [] { return std::string("anon"); };
  places.data_path = [](const std::string& name) { return "/store/volumes/" + name; };
  places.file_system = [](const std::string&) { return std::optional<VolumeFileSystem>(); };
  auto mounts = TRY(plan_mounts(spec, spec.mounts, {}, places));
  const ResolvedUser user = {0, 0, {0}, "root", "/root"};
  const std::vector<std::string> env = {"PATH=/bin"};
  SpecInput input = {spec,
                     image,
                     host,
                     config,
                     host.default_map(),
                     user,
                     env,
                     std::move(mounts),
                     std::string(64, 'a'),
                     "aaaaaaaaaaaa",
                     "/store/containers/aaaa"};
  input.open_files = {1024, 4096};
  input.processes = {100, 200};
  if (change) change(input);
  return generate_spec(input);
}

// Compares with tests/golden/engine/<name>.json; CTR_ACCEPT=1 writes it.
void check_golden(const std::string& name, const runtime::RuntimeSpec& spec) {
  const char* root = std::getenv("CTR_SOURCE_ROOT");
  REQUIRE(root);
  const auto path = std::string(root) + "/tests/golden/engine/" + name + ".json";
  const auto text = dump_json(to_json(spec), {2}) + "\n";
  if (std::getenv("CTR_ACCEPT")) {
    const auto dir = Dir::open(std::string(root) + "/tests/golden/engine");
    REQUIRE(dir);
    REQUIRE(dir->write_file(name + ".json", text, Sync::no, 0644));
  }
  const auto golden = read_file(path);
  REQUIRE(golden);
  CHECK(*golden == text);
}

bool has_mount(const runtime::RuntimeSpec& spec, std::string_view destination, std::string_view type) {
  for (const auto& mount : spec.mounts) {
    if (mount.destination == destination && mount.type == type) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("the default container has podman's mounts, masks, limits and capabilities") {
  const auto spec = generate({});
  REQUIRE(spec);
  check_golden("default", *spec);
}

TEST_CASE("systemd is known by its name, also behind a shell") {
  for (const std::vector<std::string>& command : {std::vector<std::string>{"/sbin/init"},
                                                  {"/usr/sbin/init", "x"},
                                                  {"/usr/local/sbin/init"},
                                                  {"/lib/systemd/systemd"},
                                                  {"systemd"},
                                                  {"/bin/sh", "-c", "/sbin/init"}}) {
    CHECK(is_systemd(command));
  }
  for (const std::vector<std::string>& command : {std::vector<std::string>{},
                                                  {"init"},
                                                  {"/bin/init"},
                                                  {"/bin/systemd-run"},
                                                  {"/bin/sh", "/sbin/init"},
                                                  {"/bin/sh", "-c"}}) {
    CHECK_FALSE(is_systemd(command));
  }
}

TEST_CASE("systemd finds memory where it writes, a cgroup of its own, and the container's id") {
  ContainerSpec spec;
  spec.systemd_shm_bytes = 1 << 20;
  MountSpec own;
  own.type = MountSpec::Type::bind;
  own.source = "/srv";
  own.destination = "/var/log/journal";
  spec.mounts = {own};
  const auto made = generate(spec, host_facts(), [](SpecInput& input) {
    input.systemd = true;
    input.systemd_cgroup = true;
  });
  REQUIRE(made);
  check_golden("systemd", *made);
  for (const char* place : {"/run", "/run/lock", "/tmp"}) CHECK(has_mount(*made, place, "tmpfs"));
  // A mount of the user's wins.
  CHECK(has_mount(*made, "/var/log/journal", "bind"));
  CHECK_FALSE(has_mount(*made, "/var/log/journal", "tmpfs"));
  CHECK(made->process->env.back() == "container_uuid=" + std::string(32, 'a'));
  for (const auto& mount : made->mounts) {
    if (mount.destination == "/sys/fs/cgroup") CHECK(mount.options.back() == "rw");
  }
}

TEST_CASE("a privileged container sees everything its user may") {
  ContainerSpec spec;
  spec.security.privileged = true;
  const auto generated = generate(spec);
  REQUIRE(generated);
  check_golden("privileged", *generated);
}

TEST_CASE("a container with everything asked for") {
  ContainerSpec spec;
  spec.command = {"-x"};
  spec.read_only = true;
  spec.terminal = true;
  spec.mounts = {{MountSpec::Type::bind, "/src", "/dst", {"ro"}, ""}, {MountSpec::Type::volume, "v", "/data", {}, ""}};
  spec.devices = {{"/dev/fuse", "/dev/fuse", "rwm"}};
  spec.ulimits = {{"nofile", 10, -1}};
  spec.sysctls = {{"net.core.somaxconn", "10"}};
  spec.shm_size_bytes = 1000;
  spec.umask = 077;
  spec.security.cap_drop = {"ALL"};
  spec.security.no_new_privileges = true;
  spec.security.mask = {"/etc/secret"};
  spec.security.unmask = {"/proc/k*"};
  spec.resources.memory_bytes = 1 << 20;
  spec.resources.pids = 10;
  const auto generated = generate(spec);
  REQUIRE(generated);
  check_golden("everything", *generated);
}

TEST_CASE("without a network namespace of its own a container gets the host's sysfs read-only") {
  ContainerSpec spec;
  spec.network.mode = NetworkChoice::Mode::host;
  const auto generated = generate(spec);
  REQUIRE(generated);
  CHECK(has_mount(*generated, "/sys", "bind"));
  CHECK_FALSE(generated->has_fresh_namespace(runtime::NamespaceType::network));
  CHECK(generated->linux_config.sysctl.empty());
}

TEST_CASE("the host's pid and ipc namespaces bring its mounts") {
  ContainerSpec spec;
  spec.pid.mode = spec.ipc.mode = NamespaceChoice::Mode::host;
  const auto generated = generate(spec);
  REQUIRE(generated);
  CHECK(has_mount(*generated, "/proc", "bind"));
  CHECK(has_mount(*generated, "/dev/shm", "bind"));
  CHECK_FALSE(generated->has_fresh_namespace(runtime::NamespaceType::pid));
}

TEST_CASE("namespaces of other containers are named by their directories, and the host name is not set in one") {
  using runtime::NamespaceType;
  ContainerSpec spec;
  const std::string id(64, 'e');
  spec.pid = spec.ipc = spec.uts = {NamespaceChoice::Mode::container, id};
  const auto share = [](SpecInput& input) { input.shares_shm = true; };
  const auto generated = generate(spec, host_facts(), share);
  REQUIRE(generated);
  CHECK(generated->hostname.empty());
  for (const auto type : {NamespaceType::pid, NamespaceType::ipc, NamespaceType::uts}) {
    const auto* found = generated->find_namespace(type);
    REQUIRE(found != nullptr);
    CHECK(found->path.ends_with("/" + id + "/ns/" + std::string(runtime::namespace_name(type))));
  }
  CHECK(has_mount(*generated, "/dev/shm", "bind"));
  // The other one has none to share.
  CHECK(has_mount(generate(spec).value(), "/dev/shm", "tmpfs"));
}

TEST_CASE("where processes cannot be counted the default limit is left out, and one that is asked for stays") {
  const auto without = [](SpecInput& input) { input.limits_processes = false; };
  CHECK_FALSE(generate({}, host_facts(), without).value().linux_config.resources);
  ContainerSpec spec;
  spec.resources.pids = 5;
  CHECK(generate(spec, host_facts(), without).value().linux_config.resources->pids_limit == 5);
}

TEST_CASE("rules for devices are the container's") {
  const runtime::SpecDeviceRule rule = {.allow = true, .type = "c", .major = 10, .minor = 229, .access = "rw"};
  const auto generated = generate({}, host_facts(), [&](SpecInput& input) { input.device_rules = {rule}; });
  CHECK(generated.value().linux_config.resources->devices == std::vector{rule});
}

TEST_CASE("a single-id map has no group tty") {
  auto host = host_facts();
  host.subuids.clear();
  host.subgids.clear();
  const auto generated = generate({}, host);
  REQUIRE(generated);
  for (const auto& mount : generated->mounts) {
    for (const auto& option : mount.options) CHECK(option != "gid=5");
  }
}

TEST_CASE("a mount by hand replaces the built-in one at its place") {
  ContainerSpec spec;
  spec.mounts = {{MountSpec::Type::bind, "/h", "/etc/hosts", {}, ""},
                 {MountSpec::Type::tmpfs, "", "/dev/shm", {"size=1m"}, ""}};
  const auto generated = generate(spec);
  REQUIRE(generated);
  int hosts = 0;
  int shm = 0;
  for (const auto& mount : generated->mounts) {
    hosts += mount.destination == "/etc/hosts";
    shm += mount.destination == "/dev/shm";
  }
  CHECK(hosts == 1);
  CHECK(shm == 1);
}

TEST_CASE("the command is the entrypoint with arguments, as podman joins them") {
  const auto image = image_config();
  ContainerSpec spec;
  CHECK(effective_command(spec, image)->argv == std::vector<std::string>{"/entry", "serve"});
  spec.command = {"x"};
  CHECK(effective_command(spec, image)->argv == std::vector<std::string>{"/entry", "x"});
  spec.command = {};
  spec.entrypoint = std::vector<std::string>{"/other"};
  CHECK(effective_command(spec, image)->argv == std::vector<std::string>{"/other"});
  spec.entrypoint = std::vector<std::string>{""};
  spec.command = {"x"};
  CHECK(effective_command(spec, image)->argv == std::vector<std::string>{"x"});
  CHECK(effective_command({}, {}).error().message() ==
        "no command or entrypoint provided, and no CMD or ENTRYPOINT from image");
}

TEST_CASE("a relative working directory is refused") {
  ContainerSpec spec;
  spec.working_dir = "x";
  CHECK(generate(spec).error().message() == "the working directory \"x\" is invalid, it needs to be an absolute path");
}

TEST_CASE("message queues of the host are shown where it has them") {
  ContainerSpec spec;
  spec.ipc = {NamespaceChoice::Mode::host, {}};
  CHECK(has_mount(generate(spec).value(), "/dev/mqueue", "bind"));
  const auto none = generate(spec, host_facts(), [](SpecInput& input) { input.host_queues = false; });
  CHECK_FALSE(has_mount(none.value(), "/dev/mqueue", "bind"));
  CHECK(has_mount(none.value(), "/dev/shm", "bind"));
}

}  // namespace ctr::engine
