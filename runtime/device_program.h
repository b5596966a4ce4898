// linux.resources.devices as an eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE). Pure.
//
// Source: runtime-spec config-linux.md "Allowed Device list"; linux/bpf.h, struct bpf_cgroup_dev_ctx.
#pragma once

#include <linux/bpf.h>

#include <vector>

#include "base/result.h"
#include "runtime/spec_resources.h"

namespace ctr::runtime {

// Rules in their order: for each of read, write and mknod the last one that fits the device decides. Devices that every
// container has (null, zero, full, random, urandom, tty, console, ptmx, terminals), and making nodes of any, are
// allowed behind them. Without a rule that fits, access is denied. Errors: invalid (type, access, number), and more
// rules than a program can hold.
Result<std::vector<bpf_insn>> device_program(const std::vector<SpecDeviceRule>& rules);

}  // namespace ctr::runtime
