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

struct Pending {
  const BlobUpload* upload;
  Url location;  // of the upload session
};

class Pusher {
 public:
  Pusher(Session& session, const Endpoint& endpoint) : session_(session), endpoint_(endpoint) {}

  Result<std::vector<Pending>> find_missing(const std::vector<BlobUpload>& uploads);
  Result<std::vector<Pending>> open_sessions(std::vector<Pending> missing);
  Result<void> send(const std::vector<Pending>& pending);

 private:
  Call make_call(Method method, Url url, const BlobUpload& upload) const;
  void done(const BlobUpload& upload, ProgressSink::Skip skip) const;
  Result<void> run(const std::vector<std::unique_ptr<Flow>>& flows);

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

Result<void> Pusher::run(const std::vector<std::unique_ptr<Flow>>& flows) {
  std::vector<Flow*> pointers;
  for (const auto& flow : flows) pointers.push_back(flow.get());
  return session_.run(pointers, session_.options().limits.parallel);
}

Result<std::vector<Pending>> Pusher::find_missing(const std::vector<BlobUpload>& uploads) {
  std::vector<std::unique_ptr<Flow>> flows;
  for (const auto& upload : uploads) {
    auto url = TRY(session_.url_of(endpoint_, "blobs/" + upload.descriptor.digest.to_string()));
    auto call = make_call(Method::head, std::move(url), upload);
    call.absence = Call::Absence::answer;
    flows.push_back(std::make_unique<Flow>(std::move(call), body_));
  }
  TRY(run(flows));
  std::vector<Pending> missing;
  for (size_t i = 0; i < uploads.size(); ++i) {
    if (flows[i]->head.status == 404) {
      missing.push_back({.upload = &uploads[i], .location = {}});
    } else {
      done(uploads[i], ProgressSink::Skip::already_exists);
    }
  }
  return missing;
}

// Source: OCI distribution-spec 1.1 "Mounting a blob from another repository", "POST then PUT".
Result<std::vector<Pending>> Pusher::open_sessions(std::vector<Pending> missing) {
  std::vector<std::unique_ptr<Flow>> flows;
  for (const auto& [upload, unused] : missing) {
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
      done(*missing[i].upload, ProgressSink::Skip::already_exists);
      continue;
    }
    auto location = resolve_url(flows[i]->url, head.header("location"));
    if (head.status != 202 || !location) {
      return Error(Errc::network,
                   flows[i]->call.what + ": the registry opens no upload (status " + std::to_string(head.status) + ")");
    }
    pending.push_back({.upload = missing[i].upload, .location = std::move(*location)});
  }
  return pending;
}

Result<void> Pusher::send(const std::vector<Pending>& pending) {
  const auto base = TRY(session_.api_base(endpoint_));
  auto* progress = session_.options().progress;
  std::vector<std::unique_ptr<CountedSource>> sources;
  std::vector<std::unique_ptr<Flow>> flows;
  for (const auto& [upload, location] : pending) {
    if (base.origin.scheme == "https" && location.origin.scheme != "https") {
      return Error(Errc::network, "the registry wants blobs uploaded to " + printable(location.origin.to_string()) +
                                      ", from https to http, which is not done");
    }
    auto url = TRY(with_query(location, {{"digest", upload->descriptor.digest.to_string()}}));
    auto call = make_call(Method::put, std::move(url), *upload);
    if (location.origin != base.origin) call.authorization = "";
    sources.push_back(std::make_unique<CountedSource>(*upload, progress));
    call.upload = sources.back().get();
    call.upload_size_bytes = upload->descriptor.size_bytes;
    call.headers = {"Content-Type: application/octet-stream"};
    // A broken upload begins with a new session.
    call.retry = Call::Retry::no;
    if (progress) {
      progress->blob_started(call.label, upload->kind, upload->descriptor.size_bytes, ProgressSink::Skip::no);
    }
    flows.push_back(std::make_unique<Flow>(std::move(call), body_));
  }
  TRY(run(flows));
  for (const auto& [upload, unused] : pending) done(*upload, ProgressSink::Skip::no);
  return ok();
}

}  // namespace

Result<void> push_blobs(Session& session, const Endpoint& endpoint, const std::vector<BlobUpload>& uploads) {
  Pusher pusher(session, endpoint);
  const int retries = session.options().limits.retries;
  for (int attempt = 0;; ++attempt) {
    auto missing = TRY(pusher.find_missing(uploads));
    if (missing.empty()) return ok();
    auto pending = TRY(pusher.open_sessions(std::move(missing)));
    auto sent = pusher.send(pending);
    if (sent || sent.error().code() != Errc::network || attempt >= retries) return sent;
    if (session.options().log) session.options().log->debug("uploading again: " + sent.error().text());
  }
}

}  // namespace ctr::registry
