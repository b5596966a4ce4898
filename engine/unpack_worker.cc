#include "engine/unpack_worker.h"

#include <poll.h>
#include <unistd.h>

namespace ctr::engine {
namespace {

// Numbers of the descriptors in the worker.
constexpr int k_blob_fd = k_worker_first_fd;
constexpr int k_target_fd = k_worker_first_fd + 1;
constexpr int k_counts_fd = k_worker_first_fd + 2;

std::vector<storage::IdSpan> spans_of(const std::vector<runtime::IdRange>& ranges) {
  std::vector<storage::IdSpan> spans;
  for (const auto& range : ranges) spans.push_back({.first = range.inside, .count = range.size});
  return spans;
}

}  // namespace

storage::OwnerRules owner_rules(const runtime::IdMap& ids) {
  storage::OwnerRules rules;
  if (ids.is_single()) {
    rules.ignore = true;
    return rules;
  }
  rules.uids = spans_of(ids.uids);
  rules.gids = spans_of(ids.gids);
  return rules;
}

Result<UnpackWorker> UnpackWorker::start(const runtime::HostFacts& host, Fd blob, Arrival arrival, const Dir& target) {
  auto counts = TRY(make_pipe());
  const bool growing = arrival == Arrival::growing;
  storage::UnpackRequest request;
  request.blob_fd = k_blob_fd;
  request.count_fd = growing ? k_counts_fd : -1;
  request.target_fd = k_target_fd;
  request.answer_fd = k_worker_answer_fd;
  request.options.owners = owner_rules(host.default_map());
  std::vector<std::pair<int, int>> fds = {{blob.get(), k_blob_fd}, {target.fd(), k_target_fd}};
  if (growing) fds.emplace_back(counts.read_end.get(), k_counts_fd);
  auto worker = TRY(ConfinedWorker::start(host, "unpack", storage::to_json(request), std::move(fds)));
  TRY(set_nonblocking(counts.write_end.get()));
  return UnpackWorker(std::move(worker), growing ? std::move(counts.write_end) : Fd());
}

void UnpackWorker::advance(uint64_t valid_bytes) {
  // A full pipe or a dead worker is fine: a later number says more, and finish() tells about the death.
  if (counts_.valid()) (void)!::write(counts_.get(), &valid_bytes, sizeof valid_bytes);
}

Result<void> UnpackWorker::end_of_blob() {
  if (!counts_.valid()) return ok();
  uint64_t mark = storage::k_stream_end;
  while (::write(counts_.get(), &mark, sizeof mark) < 0) {
    // The worker is gone: its answer says why.
    if (errno == EPIPE) break;
    if (errno != EAGAIN && errno != EINTR) return Error::from_errno("end the layer");
    pollfd room{.fd = counts_.get(), .events = POLLOUT, .revents = 0};
    (void)::poll(&room, 1, -1);
  }
  counts_.reset();
  return ok();
}

Result<storage::UnpackedLayer> UnpackWorker::finish(const CancelToken& cancel) {
  return storage::unpack_answer_from_json(TRY(worker_.finish(cancel)));
}

}  // namespace ctr::engine
