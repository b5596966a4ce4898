// The starter's side: spawns the monitor and hears what became of the program.
#include <fcntl.h>
#include <poll.h>

#include "base/channel.h"
#include "base/wait.h"
#include "runtime/attach.h"
#include "runtime/monitor.h"

namespace ctr::runtime {

StartedMonitor::~StartedMonitor() {
  if (process_) (void)process_->release();
}

Result<StartedMonitor> spawn_monitor(const MonitorStart& start) {
  const LaunchPlan& plan = start.plan;
  Fd plan_memory = TRY(make_sealed_memfd("ctr-launch-plan", dump_json(to_json(plan))));
  Fd bundle = TRY(open_path(plan.bundle, O_RDONLY | O_DIRECTORY));
  SocketPair pair = TRY(make_socket_pair());
  SpawnOptions options;
  options.program = start.own_binary;
  options.argv = {"ctr", "monitor", plan.container_id.substr(0, 12)};
  options.env = start.env;
  options.cwd = "/";
  options.session = SpawnOptions::Session::fresh;
  options.fds = {{plan_memory.get(), MonitorDescriptors::k_plan},
                 {pair.theirs.get(), MonitorDescriptors::k_starter},
                 {bundle.get(), MonitorDescriptors::k_bundle}};
  Fd seccomp_memory;
  if (start.seccomp != nullptr) {
    seccomp_memory = TRY(make_sealed_memfd("ctr-seccomp", start.seccomp->bpf));
    options.fds.emplace_back(seccomp_memory.get(), MonitorDescriptors::k_seccomp);
  }
  Fd secrets_memory;
  if (!plan.secrets.empty()) {
    secrets_memory = TRY(make_sealed_memfd("ctr-secrets", start.secrets));
    options.fds.emplace_back(secrets_memory.get(), MonitorDescriptors::k_secrets);
  }
  if (plan.log.driver == LogPlan::Driver::passthrough) {
    for (int number = 0; number < 3; ++number) {
      int here = start.stdio[static_cast<size_t>(number)];
      if (here >= 0) options.fds.emplace_back(here, number);
    }
  }
  for (size_t i = 0; i < start.preserved.size(); ++i) {
    options.fds.emplace_back(start.preserved[i], MonitorDescriptors::k_preserved + static_cast<int>(i));
  }
  const int first = MonitorDescriptors::k_preserved + static_cast<int>(start.preserved.size());
  for (size_t i = 0; i < start.for_engine.size(); ++i) {
    options.fds.emplace_back(start.for_engine[i], first + static_cast<int>(i));
  }
  Child process = TRY(spawn(options).context("start the monitor"));
  return StartedMonitor(std::move(process), std::move(pair.ours));
}

Result<std::vector<Fd>> take_engine_fds(const LaunchPlan& plan) {
  std::vector<Fd> fds;
  const int first = MonitorDescriptors::k_preserved + static_cast<int>(plan.preserved_fds.size());
  for (size_t i = 0; i < plan.engine_fds; ++i) {
    fds.emplace_back(first + static_cast<int>(i));
    TRY(set_inherit(fds.back().get(), Inherit::no));
  }
  return fds;
}

Result<StartReport> StartedMonitor::report(const CancelToken& cancel) {
  PacketBuffer buffer;
  std::optional<Packet> packet;
  for (bool first = true; !packet; first = false) {
    if (!first) TRY(wait_for(socket_.get(), POLLIN, cancel, {}));
    Result<std::optional<Packet>> received = receive_packet(socket_.get(), buffer);
    if (!received && (received.error().sys() == EAGAIN || received.error().sys() == ECONNRESET)) continue;
    packet = TRY(std::move(received));
    if (!packet) return Error(Errc::internal, "the monitor ended without an answer");
  }
  Json answer = TRY(parse_json(packet->data, "answer of the monitor"));
  JsonReader reader(answer, "answer of the monitor");
  if (const Json* error = answer.find("error")) return error_from_json(*error);
  std::optional<JsonReader> started = TRY(reader.find_object("started"));
  if (!started) return reader.wrong("started", "an object");
  return StartReport{.pid = static_cast<pid_t>(TRY(started->get_int("pid"))),
                     .notices = TRY(started->strings("notices"))};
}

}  // namespace ctr::runtime
