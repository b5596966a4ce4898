// Seccomp agents: programs that decide about the calls SCMP_ACT_NOTIFY names. Source: OCI runtime-spec 1.3,
// config-linux.md, "The Container Process State".
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"

namespace ctr::runtime {

// What an agent is told of a container.
struct AgentSubject {
  std::string id;
  std::string bundle;  // absolute
  std::string status;  // "creating", "running"
  std::map<std::string, std::string> annotations;
};

// One connection, for one process: it is closed behind the only message.
class [[nodiscard]] SeccompAgent {
 public:
  // Connects to where linux.seccomp says: early, so that nothing starts without an agent.
  static Result<SeccompAgent> connect(const Json& seccomp);
  // Hands over the listener of process `pid`, of the container whose first process is `container_pid`.
  Result<void> send(const AgentSubject& subject, pid_t container_pid, pid_t pid, int listener) &&;

 private:
  SeccompAgent(Fd socket, std::string metadata) : socket_(std::move(socket)), metadata_(std::move(metadata)) {}
  Fd socket_;
  std::string metadata_;
};

}  // namespace ctr::runtime
