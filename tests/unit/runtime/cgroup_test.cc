// Limits as files of cgroup v2, plans of cgroups, numbers of use, and programs of device rules: all without a cgroup.
#include "runtime/cgroup_check.h"
#include "runtime/cgroup_files.h"
#include "runtime/cgroup_limits.h"
#include "runtime/cgroup_plan.h"
#include "runtime/cgroup_stats.h"
#include "runtime/device_program.h"
#include "runtime/systemd_scope.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;
using Kind = CgroupPlan::Kind;

namespace {

std::string lines(const SpecResources& resources) {
  const auto settings = cgroup_settings(resources);
  if (!settings) return settings.error().text();
  std::string out;
  for (const CgroupSetting& setting : *settings) {
    out += setting.controller + " " + setting.file + "=" + setting.value + "\n";
  }
  return out;
}

SpecMemory memory(std::optional<int64_t> limit, std::optional<int64_t> swap = {}) {
  SpecMemory out;
  out.limit = limit;
  out.swap = swap;
  return out;
}

// What the kernel does with a program: the instructions that device_program() uses.
bool allows(const std::vector<bpf_insn>& program, uint32_t type, uint32_t access, uint32_t major, uint32_t minor) {
  const uint32_t context[] = {access << 16 | type, major, minor};
  uint32_t registers[11] = {};
  for (size_t at = 0; at < program.size(); ++at) {
    const bpf_insn& step = program[at];
    uint32_t& to = registers[step.dst_reg];
    const auto value = static_cast<uint32_t>(step.imm);
    switch (step.code) {
      case BPF_LDX | BPF_MEM | BPF_W:
        to = context[static_cast<size_t>(step.off) / 4];
        break;
      case BPF_ALU | BPF_MOV | BPF_X:
        to = registers[step.src_reg];
        break;
      case BPF_ALU | BPF_MOV | BPF_K:
        to = value;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        to &= value;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        to >>= value;
        break;
      case BPF_JMP32 | BPF_JNE | BPF_K:
        if (to != value) at += static_cast<size_t>(step.off);
        break;
      case BPF_JMP32 | BPF_JEQ | BPF_K:
        if (to == value) at += static_cast<size_t>(step.off);
        break;
      case BPF_JMP | BPF_EXIT:
        return registers[0] != 0;
      default:
        FAIL("an instruction that nobody expects: " << int{step.code});
    }
  }
  FAIL("the program does not end");
  return false;
}

constexpr uint32_t k_char = BPF_DEVCG_DEV_CHAR, k_block = BPF_DEVCG_DEV_BLOCK;
constexpr uint32_t k_read = BPF_DEVCG_ACC_READ, k_write = BPF_DEVCG_ACC_WRITE, k_mknod = BPF_DEVCG_ACC_MKNOD;

const SpecDeviceRule k_deny_all = {.allow = false, .type = "a", .major = {}, .minor = {}, .access = "rwm"};

HostFacts delegated_host() {
  HostFacts host;
  host.uid = 1000;
  host.cgroup.mode = CgroupMode::v2_delegated;
  host.cgroup.mount_point = "/sys/fs/cgroup";
  host.cgroup.parent_path = "/user.slice";
  host.cgroup.controllers = {"pids"};
  host.cgroup.systemd_bus = "unix:path=/run/user/1000/bus";
  host.cgroup.systemd_slice = "user.slice";
  return host;
}

}  // namespace

TEST_CASE("limits become files of cgroup v2") {
  SpecResources resources;
  resources.memory = memory(100, 150);
  resources.memory->reservation = 50;
  resources.cpu = SpecCpu();
  resources.cpu->shares = 1024;
  resources.cpu->quota = 50000;
  resources.cpu->period = 100000;
  resources.cpu->cpus = "0";
  resources.pids_limit = 2048;
  resources.unified = {{"memory.high", "77"}};
  CHECK(lines(resources) ==
        "memory memory.swap.max=50\nmemory memory.max=100\nmemory memory.low=50\ncpu cpu.weight=100\n"
        "cpu cpu.max=50000 100000\ncpuset cpuset.cpus=0\npids pids.max=2048\nmemory memory.high=77\n");
}

TEST_CASE("unlimited is max, zero of memory asks for nothing, and zero processes is a limit") {
  SpecResources resources;
  resources.memory = memory(-1, -1);
  resources.pids_limit = -1;
  CHECK(lines(resources) == "memory memory.swap.max=max\nmemory memory.max=max\npids pids.max=max\n");
  resources.memory = memory(0, 0);
  resources.pids_limit = 0;
  CHECK(lines(resources) == "pids pids.max=0\n");
}

TEST_CASE("a burst is lowered before the quota, and set after it") {
  SpecResources resources;
  resources.cpu = SpecCpu();
  resources.cpu->quota = 50000;
  resources.cpu->burst = 7;
  CHECK(lines(resources) == "cpu cpu.max.burst=0\ncpu cpu.max=50000 100000\ncpu cpu.max.burst=7\n");
}

TEST_CASE("block i/o, huge pages and rdma have their files") {
  SpecResources resources;
  resources.block_io = SpecBlockIo();
  resources.block_io->weight = 100;
  resources.block_io->read_bps = {{.major = 8, .minor = 0, .rate = 5}};
  resources.block_io->write_iops = {{.major = 8, .minor = 16, .rate = 0}};
  resources.hugepages = {{.page_size = "2MB", .limit = 4096}};
  resources.rdma["mlx5_1"] = {.handles = 3, .objects = {}};
  CHECK(lines(resources) ==
        "io io.bfq.weight=100\nio io.max=8:0 rbps=5\nio io.max=8:16 wiops=max\nhugetlb hugetlb.2MB.rsvd.max=4096\n"
        "hugetlb hugetlb.2MB.max=4096\nrdma rdma.max=mlx5_1 hca_handle=3\n");
}

TEST_CASE("what only cgroup v1 has is refused by name") {
  SpecResources resources;
  resources.memory = SpecMemory();
  resources.memory->swappiness = 10;
  CHECK(cgroup_settings(resources).error().code() == Errc::unsupported);
  CHECK(lines(resources) == "memory.swappiness exists with cgroup v1 only");
  resources.memory.reset();
  resources.network = SpecNetworkClass();
  resources.network->class_id = 5;
  CHECK(cgroup_settings(resources).error().code() == Errc::unsupported);
}

TEST_CASE("keys of unified are files of the cgroup itself") {
  for (const char* key : {"../memory.max", "a/b.max", "memory", ".max"}) {
    SpecResources resources;
    resources.unified = {{key, "1"}};
    CHECK(cgroup_settings(resources).error().code() == Errc::invalid);
  }
}

TEST_CASE("swap is counted together with memory and needs its limit") {
  SpecResources resources;
  resources.memory = memory({}, 10);
  CHECK(cgroup_settings(resources).error().code() == Errc::invalid);
  resources.memory = memory(20, 10);
  CHECK(cgroup_settings(resources).error().code() == Errc::invalid);
}

TEST_CASE("cpu shares keep their meaning at both ends and in the middle") {
  CHECK(cpu_weight(2) == 1);
  CHECK(cpu_weight(1024) == 100);
  CHECK(cpu_weight(262144) == 10000);
  CHECK(cpu_weight(512) < cpu_weight(1024));
  CHECK(io_weight(10) == 1);
  CHECK(io_weight(1000) == 10000);
}

TEST_CASE("an update keeps what it does not name") {
  SpecResources resources;
  resources.cpu = SpecCpu();
  resources.cpu->quota = 7000;
  resources.memory = memory({}, 300);
  complete_update(&resources, "100", "50000 20000");
  CHECK(resources.cpu->period == 20000);
  CHECK(resources.memory->limit == 100);
}

TEST_CASE("checkBeforeUpdate refuses a limit below what is used") {
  SpecMemory limits = memory(100);
  CHECK(check_memory_use(limits, 200, 0));
  limits.check_before_update = true;
  CHECK_FALSE(check_memory_use(limits, 200, 0));
  CHECK(check_memory_use(limits, 50, 0));
}

TEST_CASE("a limit this host cannot apply is refused with the fix, no limit is no problem") {
  HostFacts host = delegated_host();
  host.cgroup.mode = CgroupMode::hybrid;
  SpecResources resources;
  CHECK(check_limits(resources, {}, host));
  // What every cgroup has by itself, and containerd asks for.
  resources.cpu = SpecCpu{};
  resources.cpu->shares = 1024;
  CHECK(check_limits(resources, {}, host));
  resources.cpu->shares = 1025;
  CHECK_FALSE(check_limits(resources, {}, host));
  resources.cpu.reset();
  resources.memory = memory(1 << 20);
  const auto refused = check_limits(resources, {}, host);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::unsupported);
  CHECK(refused.error().text() == "memory cannot be limited: cgroups are not delegated to this user (mode: hybrid)");
  CHECK_FALSE(refused.error().hint().empty());
}

TEST_CASE("a controller that is not delegated is named, with the drop-in that delegates it") {
  HostFacts host = delegated_host();
  CgroupPlan plan = plan_bundle_cgroup("box", "box", CgroupManager::cgroupfs, host).value();
  SpecResources resources;
  resources.memory = memory(1 << 20);
  const auto missing = check_limits(resources, plan, host);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().text() ==
        "memory cannot be limited: the cgroup controller 'memory' is not delegated to this user");
  CHECK(missing.error().hint().find("user@.service.d/delegate.conf") != std::string::npos);
  host.cgroup.controllers = {"memory"};
  CHECK(check_limits(resources, plan, host));
}

TEST_CASE("cgroupsPath is absolute, below ours, or slice:prefix:name") {
  const HostFacts host = delegated_host();
  const auto plan = [&](const char* path, CgroupManager manager) {
    return plan_bundle_cgroup(path, "box", manager, host);
  };
  CHECK(plan("/a//b/", CgroupManager::cgroupfs).value().path == "/a/b");
  CHECK(plan("a", CgroupManager::cgroupfs).value().path == "/user.slice/a");
  CHECK_FALSE(plan("/a/../b", CgroupManager::cgroupfs));
  CHECK_FALSE(plan("/", CgroupManager::cgroupfs));
  const CgroupPlan scope = plan("web.slice:libpod:1", CgroupManager::systemd).value();
  CHECK(scope.unit == "libpod-1.scope");
  CHECK(scope.slice == "web.slice");
  CHECK(plan(":libpod:1", CgroupManager::systemd).value().slice == "user.slice");
  CHECK_FALSE(plan("/a/b", CgroupManager::systemd));
  CHECK_FALSE(plan("web.slice:libpod:", CgroupManager::systemd));
  CHECK_FALSE(plan("web.slice:a:b/c", CgroupManager::systemd));
  CHECK(plan("/a", CgroupManager::disabled).value().kind == Kind::none);
}

TEST_CASE("a plan of a cgroup comes back from its text") {
  const CgroupPlan plan = plan_bundle_cgroup("a.slice:b:c", "box", CgroupManager::systemd, delegated_host()).value();
  const Json text = to_json(plan);
  CHECK(cgroup_plan_from_json(JsonReader(text, "plan")).value() == plan);
}

TEST_CASE("limits have the names that systemd gave them") {
  SpecResources resources;
  resources.memory = memory(100, -1);
  resources.pids_limit = 5;
  resources.cpu = SpecCpu();
  resources.cpu->quota = 50000;
  resources.cpu->cpus = "0-1,9";
  const std::vector<UnitProperty> wanted = {
      {"MemoryMax", uint64_t{100}},
      {"MemorySwapMax", UINT64_MAX},
      {"CPUQuotaPerSecUSec", uint64_t{500'000}},
      {"AllowedCPUs", std::vector<uint8_t>{3, 2}},
      {"TasksMax", uint64_t{5}},
  };
  CHECK(scope_limits(resources) == wanted);
}

TEST_CASE("device rules: the last that fits decides, for each access by itself") {
  const SpecDeviceRule fuse = {.allow = true, .type = "c", .major = 10, .minor = 229, .access = "rw"};
  const SpecDeviceRule no_write = {.allow = false, .type = "c", .major = 10, .minor = 229, .access = "w"};
  const auto program = device_program({k_deny_all, fuse}).value();
  CHECK(allows(program, k_char, k_read, 10, 229));
  CHECK(allows(program, k_char, k_read | k_write, 10, 229));
  CHECK_FALSE(allows(program, k_block, k_read, 10, 229));
  CHECK_FALSE(allows(program, k_char, k_read, 10, 200));
  CHECK_FALSE(allows(program, k_block, k_read, 8, 0));
  const auto narrower = device_program({k_deny_all, fuse, no_write}).value();
  CHECK(allows(narrower, k_char, k_read, 10, 229));
  CHECK_FALSE(allows(narrower, k_char, k_read | k_write, 10, 229));
}

TEST_CASE("devices that every container has are allowed, whatever the rules say") {
  const auto program = device_program({k_deny_all}).value();
  for (const uint32_t minor : {3U, 5U, 7U, 8U, 9U}) CHECK(allows(program, k_char, k_read | k_write, 1, minor));
  CHECK(allows(program, k_char, k_read | k_write, 136, 4));
  CHECK(allows(program, k_char, k_mknod, 77, 1));
  CHECK_FALSE(allows(program, k_char, k_read, 1, 1));
  CHECK_FALSE(allows(program, k_block, k_read, 1, 3));
}

TEST_CASE("wrong device rules are refused") {
  CHECK_FALSE(device_program({{.allow = true, .type = "x", .major = {}, .minor = {}, .access = "r"}}));
  CHECK_FALSE(device_program({{.allow = true, .type = "c", .major = {}, .minor = {}, .access = "x"}}));
  CHECK_FALSE(device_program({{.allow = true, .type = "c", .major = -7, .minor = {}, .access = "r"}}));
}

TEST_CASE("numbers of use are read from the kernel's lines") {
  CHECK(parse_flat_keyed("usage_usec 5\nbad\nuser_usec x\n") == std::map<std::string, uint64_t>{{"usage_usec", 5}});
  const auto io = parse_io_stat("8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0\nnonsense\n");
  REQUIRE(io.size() == 1);
  CHECK(io[0] == CgroupStats::Io{.major = 8, .minor = 0, .read_bytes = 1, .write_bytes = 2, .reads = 3, .writes = 4});
}
