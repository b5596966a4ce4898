// A process of ctr-transfer that reads or writes what comes from outside: inside the user namespace with the full id
// map, with nothing but the descriptors it needs, behind a seccomp filter. See storage/confine.h.
//
//   ctr-transfer                                worker ("ctr-transfer VERB")
//     the request: JSON on a memfd ───────────▶  descriptor 3
//     the verb's descriptors ─────────────────▶  5 and up
//     ◀───────────── the answer: one JSON document on descriptor 4, then its end
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/child.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "runtime/host_facts.h"

namespace ctr::engine {

inline constexpr int k_worker_answer_fd = 4;
// The first number that a verb may use for descriptors of its own.
inline constexpr int k_worker_first_fd = 5;

// A running worker. Killed on destruction.
class [[nodiscard]] ConfinedWorker {
 public:
  // `fds`: {descriptor here, number there}.
  static Result<ConfinedWorker> start(const runtime::HostFacts& host, std::string_view verb, const Json& request,
                                      std::vector<std::pair<int, int>> fds);
  // The same with another id map: that of a process which may do no more than the user.
  static Result<ConfinedWorker> start(const runtime::HostFacts& host, const runtime::IdMap& ids, std::string_view verb,
                                      const Json& request, std::vector<std::pair<int, int>> fds);

  // The same outside of user namespaces: for a verb that joins one by itself.
  static Result<ConfinedWorker> start_outside(std::string_view verb, const Json& request,
                                              std::vector<std::pair<int, int>> fds);

  // Readable when the worker has answered or died.
  int answer_fd() const { return answer_.get(); }
  // Waits for the answer. Errors: internal when the worker died without one; interrupted.
  Result<Json> finish(const CancelToken& cancel, const JsonLimits& limits = {});

 private:
  ConfinedWorker(std::string_view verb, Child child, Fd answer)
      : verb_(verb), child_(std::move(child)), answer_(std::move(answer)) {}
  std::string verb_;
  Child child_;
  Fd answer_;
};

}  // namespace ctr::engine
