#include "registry/upload.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"

namespace ctr::registry {
namespace {

// Answers to uploads carry nothing of interest in their bodies.
class EmptyBody : public CallBody {
 public:
  Result<void> on_head(const ResponseHead&) override { return ok(); }
  Result<void> on_bytes(std::span<const std::byte> bytes) override {
    seen_bytes_ += bytes.size();
    if (seen_bytes_ <= k_answers_limit_bytes) return ok();
    return Error(Errc::corrupt, "the registry's answers are longer than 4 MiB");
  }
  Result<void> on_end() override { return ok(); }

 private:
  static constexpr size_t k_answers_limit_bytes = size_t{4} << 20;
  size_t seen_bytes_ = 0;
};

// The same upload would be refused again.
bool is_final_refusal(int status) { return status >= 400 && status < 500 && status != 429; }

// Tells the progress of what is read from a source.
class CountedSource : public BlobSource {
 public:
  CountedSource(const BlobUpload& upload, ProgressSink* progress)
      : source_(*upload.source), label_(upload.descriptor.digest.to_string()), progress_(progress) {}
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> buffer) override {
    const size_t filled = TRY(source_.read_at(offset, buffer));
    if (progress_) progress_->blob_advanced(label_, offset + filled);
    return filled;
  }

 private:
  BlobSource& source_;
  std::string label_;
  ProgressSink* progress_;
};

using Uploads = std::vector<const BlobUpload*>;

struct Pending {
  const BlobUpload* upload;
  Url location;  // of the upload session
};

// What is to be sent once more, and why.
struct Unsent {
  Uploads uploads;
  std::vector<Error> reasons;
};

class Pusher {
 public:
  Pusher(Session& session, const Endpoint& endpoint) : session_(session), endpoint_(endpoint) {}

  // Those that the registry does not have.
  Result<Uploads> find_missing(const Uploads& uploads, ProgressSink::Skip when_there);
  // Those that it does not mount from elsewhere, with the places to send them to.
  Result<std::vector<Pending>> open_sessions(const Uploads& missing);
  Result<Unsent> send(const std::vector<Pending>& pending);
  // Waits before the next attempt, the longer the more there were.
  Result<void> back_off(int attempt, const Unsent& unsent) const;

 private:
  Call make_call(Method method, Url url, const BlobUpload& upload) const;
  Result<Call> sending_call(const Pending& pending, const Origin& registry) const;
  void done(const BlobUpload& upload, ProgressSink::Skip skip) const;
  Result<void> run(const std::vector<std::unique_ptr<Flow>>& flows,
                   Session::Failures failures = Session::Failures::end_all);

  Session& session_;
  const Endpoint& endpoint_;
  EmptyBody body_;
};

Call Pusher::make_call(Method method, Url url, const BlobUpload& upload) const {
  Call call;
  call.method = method;
  call.endpoint = &endpoint_;
  call.url = std::move(url);
  call.scopes = {"repository:" + endpoint_.repository + ":pull,push"};
  if (!upload.mount_from.empty()) call.scopes.push_back("repository:" + upload.mount_from + ":pull");
  call.label = upload.descriptor.digest.to_string();
  call.what = "writing blob " + call.label;
  return call;
}

void Pusher::done(const BlobUpload& upload, ProgressSink::Skip skip) const {
  auto* progress = session_.options().progress;
  if (!progress) return;
  const std::string label = upload.descriptor.digest.to_string();
  if (skip == ProgressSink::Skip::already_exists) {
    progress->blob_started(label, upload.kind, upload.descriptor.size_bytes, skip);
  }
  progress->blob_done(label);
}

Result<void> Pusher::run(const std::vector<std::unique_ptr<Flow>>& flows, Session::Failures failures) {
  std::vector<Flow*> pointers;
  for (const auto& flow : flows) pointers.push_back(flow.get());
  return session_.run(pointers, session_.options().limits.parallel, failures);
}

Result<Uploads> Pusher::find_missing(const Uploads& uploads, ProgressSink::Skip when_there) {
  std::vector<std::unique_ptr<Flow>> flows;
  for (const auto* upload : uploads) {
    auto url = TRY(session_.url_of(endpoint_, "blobs/" + upload->descriptor.digest.to_string()));
    auto call = make_call(Method::head, std::move(url), *upload);
    call.absence = Call::Absence::answer;
    flows.push_back(std::make_unique<Flow>(std::move(call), body_));
  }
  TRY(run(flows));
  Uploads missing;
  for (size_t i = 0; i < uploads.size(); ++i) {
    if (flows[i]->head.status == 404) {
      missing.push_back(uploads[i]);
    } else {
      done(*uploads[i], when_there);
    }
  }
  return missing;
}

// Source: OCI distribution-spec 1.1 "Mounting a blob from another repository", "POST then PUT".
Result<std::vector<Pending>> Pusher::open_sessions(const Uploads& missing) {
  std::vector<std::unique_ptr<Flow>> flows;
  for (const auto* upload : missing) {
    auto url = TRY(session_.url_of(endpoint_, "blobs/uploads/"));
    if (!upload->mount_from.empty()) {
      url = TRY(with_query(url, {{"mount", upload->descriptor.digest.to_string()}, {"from", upload->mount_from}}));
    }
    flows.push_back(std::make_unique<Flow>(make_call(Method::post, std::move(url), *upload), body_));
  }
  TRY(run(flows));
  std::vector<Pending> pending;
  for (size_t i = 0; i < missing.size(); ++i) {
    const auto& head = flows[i]->head;
    if (head.status == 201) {
      done(*missing[i], ProgressSink::Skip::already_exists);
      continue;
    }
    auto location = resolve_url(flows[i]->url, head.header("location"));
    if (head.status != 202 || !location) {
      return Error(Errc::network,
                   flows[i]->call.what + ": the registry opens no upload (status " + std::to_string(head.status) + ")");
    }
    pending.push_back({.upload = missing[i], .location = std::move(*location)});
  }
  return pending;
}

Result<Call> Pusher::sending_call(const Pending& pending, const Origin& registry) const {
  const auto& [upload, location] = pending;
  if (registry.scheme == "https" && location.origin.scheme != "https") {
    return Error(Errc::permission, "the registry wants blobs uploaded to " + printable(location.origin.to_string()) +
                                       ", from https to http, which is not done");
  }
  auto url = TRY(with_query(location, {{"digest", upload->descriptor.digest.to_string()}}));
  auto call = make_call(Method::put, std::move(url), *upload);
  if (location.origin != registry) call.authorization = "";
  call.upload_size_bytes = upload->descriptor.size_bytes;
  call.headers = {"Content-Type: application/octet-stream"};
  // A broken upload begins with a new session.
  call.retry = Call::Retry::no;
  return call;
}

Result<Unsent> Pusher::send(const std::vector<Pending>& pending) {
  const auto base = TRY(session_.api_base(endpoint_));
  auto* progress = session_.options().progress;
  std::vector<std::unique_ptr<CountedSource>> sources;
  std::vector<std::unique_ptr<Flow>> flows;
  for (const auto& one : pending) {
    auto call = TRY(sending_call(one, base.origin));
    sources.push_back(std::make_unique<CountedSource>(*one.upload, progress));
    call.upload = sources.back().get();
    if (progress) {
      progress->blob_started(call.label, one.upload->kind, one.upload->descriptor.size_bytes, ProgressSink::Skip::no);
    }
    flows.push_back(std::make_unique<Flow>(std::move(call), body_));
  }
  TRY(run(flows, Session::Failures::apart));
  Unsent unsent;
  for (size_t i = 0; i < pending.size(); ++i) {
    auto& sent = *flows[i]->result;
    if (sent) {
      done(*pending[i].upload, ProgressSink::Skip::no);
    } else if (is_final_refusal(flows[i]->head.status)) {
      return std::move(sent).error();
    } else {
      unsent.uploads.push_back(pending[i].upload);
      unsent.reasons.push_back(std::move(sent).error());
    }
  }
  return unsent;
}

Result<void> Pusher::back_off(int attempt, const Unsent& unsent) const {
  const auto& options = session_.options();
  for (size_t i = 0; i < unsent.uploads.size(); ++i) {
    const std::string why = unsent.reasons[i].text();
    if (options.progress) options.progress->retrying(unsent.uploads[i]->descriptor.digest.to_string(), why);
    if (options.log) options.log->debug("uploading again: " + why);
  }
  return session_.pause(options.limits.first_back_off * (1 << attempt));
}

}  // namespace

Result<void> push_blobs(Session& session, const Endpoint& endpoint, const std::vector<BlobUpload>& uploads) {
  Pusher pusher(session, endpoint);
  Uploads left;
  for (const auto& upload : uploads) left.push_back(&upload);
  for (int attempt = 0;; ++attempt) {
    // After a broken attempt the registry may have got all of a blob although its answer was lost.
    const auto when_there = attempt == 0 ? ProgressSink::Skip::already_exists : ProgressSink::Skip::no;
    const auto missing = TRY(pusher.find_missing(left, when_there));
    if (missing.empty()) return ok();
    auto unsent = TRY(pusher.send(TRY(pusher.open_sessions(missing))));
    if (unsent.uploads.empty()) return ok();
    if (attempt >= session.options().limits.retries) {
      auto& why = unsent.reasons.front();
      return Error(why.code(), why.text() + " (after " + std::to_string(attempt) + " retries)");
    }
    TRY(pusher.back_off(attempt, unsent));
    left = std::move(unsent.uploads);
  }
}

}  // namespace ctr::registry
