#include "runtime/seccomp_agent.h"

#include <sys/socket.h>

#include "base/unix_stream.h"

namespace ctr::runtime {
namespace {

// The version of the specification whose structure is sent.
constexpr const char* k_oci_version = "1.3.0";

}  // namespace

Result<SeccompAgent> SeccompAgent::connect(const Json& seccomp) {
  const JsonReader reader(seccomp, "linux.seccomp");
  const std::string path = TRY(reader.get_string("listenerPath"));
  std::string metadata = TRY(reader.string_or("listenerMetadata", ""));
  auto socket = connect_stream(path);
  if (!socket) {
    return std::move(socket)
        .error()
        .context("reach the seccomp agent")
        .with_hint("start the agent before the container");
  }
  return SeccompAgent(std::move(*socket), std::move(metadata));
}

Result<void> SeccompAgent::send(const AgentSubject& subject, pid_t container_pid, pid_t pid, int listener) && {
  Json state = Json::object();
  state.set("ociVersion", k_oci_version)
      .set("id", subject.id)
      .set("status", subject.status)
      .set("pid", container_pid)
      .set("bundle", subject.bundle);
  if (!subject.annotations.empty()) state.set("annotations", Json::string_map(subject.annotations));
  Json message = Json::object();
  message.set("ociVersion", k_oci_version).set("fds", Json::strings({"seccompFd"})).set("pid", pid);
  if (!metadata_.empty()) message.set("metadata", metadata_);
  message.set("state", std::move(state));
  TRY(send_with_descriptors(socket_.get(), dump_json(message), {listener}).context("reach the seccomp agent"));
  // The process has a copy of the socket until it executes, for which it may wait for the agent, and that for the end.
  if (::shutdown(socket_.get(), SHUT_RDWR) < 0) return Error::from_errno("end the talk with the seccomp agent");
  socket_.reset();
  return ok();
}

}  // namespace ctr::runtime
