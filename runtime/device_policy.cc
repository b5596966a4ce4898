#include "runtime/device_policy.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/fd.h"
#include "runtime/device_program.h"

namespace ctr::runtime {
namespace {

// What bpftool shows, and how we know our own programs again.
constexpr char k_name[] = "ctr_devices";
static_assert(sizeof k_name <= BPF_OBJ_NAME_LEN);
// Programs of one cgroup (BPF_CGROUP_MAX_PROGS of the kernel).
constexpr size_t k_max_programs = 64;

long bpf(int command, bpf_attr* attributes) { return ::syscall(SYS_bpf, command, attributes, sizeof *attributes); }

Error bpf_error(const char* what) {
  Error error = Error::from_errno(what);
  if (error.sys() == ENOSYS) return std::move(error).with_code(Errc::unsupported);
  return error;
}

uint64_t address(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

Result<Fd> load_program(const std::vector<bpf_insn>& instructions) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = address(instructions.data());
  attributes.insn_cnt = static_cast<uint32_t>(instructions.size());
  // No function of the kernel that asks for the GPL is called.
  attributes.license = address("none");
  std::memcpy(attributes.prog_name, k_name, sizeof k_name);
  const long fd = bpf(BPF_PROG_LOAD, &attributes);
  if (fd < 0) return bpf_error("load the program of the device policy");
  return Fd(static_cast<int>(fd));
}

// Device programs of this cgroup itself, by id.
Result<std::vector<uint32_t>> attached_programs(const Cgroup& cgroup) {
  std::array<uint32_t, k_max_programs> ids{};
  bpf_attr attributes{};
  attributes.query.target_fd = static_cast<uint32_t>(cgroup.fd());
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = address(ids.data());
  attributes.query.prog_cnt = static_cast<uint32_t>(ids.size());
  if (bpf(BPF_PROG_QUERY, &attributes) < 0) return bpf_error("look for device policies of the cgroup");
  return std::vector<uint32_t>(ids.begin(), ids.begin() + attributes.query.prog_cnt);
}

Result<Fd> open_program(uint32_t id) {
  bpf_attr attributes{};
  attributes.prog_id = id;
  const long fd = bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
  if (fd < 0) return bpf_error("open a device policy");
  return Fd(static_cast<int>(fd));
}

bool is_ours(const Fd& program) {
  bpf_prog_info info{};
  bpf_attr attributes{};
  attributes.info.bpf_fd = static_cast<uint32_t>(program.get());
  attributes.info.info_len = sizeof info;
  attributes.info.info = address(&info);
  return bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) == 0 && std::strcmp(info.name, k_name) == 0;
}

Result<void> attach(const Cgroup& cgroup, const Fd& program, const Fd* former) {
  bpf_attr attributes{};
  attributes.target_fd = static_cast<uint32_t>(cgroup.fd());
  attributes.attach_bpf_fd = static_cast<uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  // Others' programs (systemd's DeviceAllow) stay, and all of them have to agree.
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (former != nullptr) {
    attributes.attach_flags |= BPF_F_REPLACE;
    attributes.replace_bpf_fd = static_cast<uint32_t>(former->get());
  }
  if (bpf(BPF_PROG_ATTACH, &attributes) < 0) return bpf_error("attach the device policy to the cgroup");
  return ok();
}

}  // namespace

Result<void> set_device_policy(const Cgroup& cgroup, const std::vector<SpecDeviceRule>& rules) {
  const Fd program = TRY(load_program(TRY(device_program(rules))));
  for (const uint32_t id : TRY(attached_programs(cgroup))) {
    const auto former = open_program(id);
    // One that is gone by now is nobody's.
    if (former && is_ours(*former)) return attach(cgroup, program, &*former);
  }
  return attach(cgroup, program, nullptr);
}

}  // namespace ctr::runtime
