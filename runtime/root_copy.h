// The root of a running container, for who wants to mount it elsewhere.
#pragma once

namespace ctr::runtime {

// What the process that answers a request for the root finds: the client's socket and the container's first process.
struct RootCopyDescriptors {
  static constexpr int k_client = 3;  // SOCK_SEQPACKET, see attach.h
  static constexpr int k_init = 4;    // pidfd
};

// Sends a copy of the mount that is the container's root, without those below it, or the error. The process is in the
// namespaces of the container afterwards: it does nothing else. Returns its exit code.
int answer_with_root();

}  // namespace ctr::runtime
