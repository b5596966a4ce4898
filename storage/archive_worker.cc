// The worker processes that list and write archives: requests and answers as JSON, confinement, the work.
#include <algorithm>
#include <new>

#include "base/channel.h"
#include "storage/archive_index.h"
#include "storage/archive_pack.h"
#include "storage/worker.h"

namespace ctr::storage {
namespace {

Result<ArchiveListing> index_bounded(const SpoolRequest& request, const LoadFilter& load_filter) {
  TRY(confine_to_nothing(load_filter));
  try {
    return index_archive(request.input_fd, request.spool_fd);
  } catch (const std::bad_alloc&) {
    return Error(Errc::invalid, "the archive needs more memory than listing it may use");
  }
}

Result<void> pack_bounded(const PackRequest& request, const LoadFilter& load_filter) {
  const Dir blobs = TRY(confine_to_reading(request.blobs_fd, load_filter));
  try {
    return request.form == PackForm::archive ? pack_archive(request.plan, blobs, request.output_fd)
                                             : pack_content(request.plan, blobs, request.output_fd);
  } catch (const std::bad_alloc&) {
    return Error(Errc::invalid, "a blob needs more memory than packing may use");
  }
}

constexpr std::string_view k_contents[] = {"text", "blob", "decompressed"};

Json member_to_json(const PackMember& member) {
  return Json::object()
      .set("path", member.path)
      .set("content", k_contents[static_cast<size_t>(member.content)])
      .set("text", member.text)
      .set("blob", member.blob ? Json(member.blob->to_string()) : Json())
      .set("size", member.size_bytes)
      .set("digest", member.digest ? Json(member.digest->to_string()) : Json());
}

Result<std::optional<Digest>> digest_from_json(const JsonReader& reader, std::string_view key) {
  const auto text = TRY(reader.find_string(key));
  if (!text) return std::optional<Digest>();
  return std::optional(TRY(Digest::parse(*text)));
}

Result<PackMember> member_from_json(const JsonReader& reader) {
  const auto content = TRY(reader.get_string("content"));
  const auto* found = std::find(std::begin(k_contents), std::end(k_contents), content);
  if (found == std::end(k_contents)) return reader.wrong("content", "a kind of content");
  PackMember member{.path = TRY(reader.get_string("path")),
                    .content = static_cast<PackMember::Content>(found - std::begin(k_contents)),
                    .text = TRY(reader.get_string("text")),
                    .blob = TRY(digest_from_json(reader, "blob")),
                    .size_bytes = TRY(reader.get_uint("size")),
                    .digest = TRY(digest_from_json(reader, "digest"))};
  if (member.content != PackMember::Content::text && !member.blob) return reader.wrong("blob", "a digest");
  return member;
}

}  // namespace

Json to_json(const Result<ArchiveListing>& answer) {
  if (!answer) return Json::object().set("error", ctr::to_json(answer.error()));
  Json members = Json::array();
  for (const auto& member : answer->members) {
    members.push(Json::object()
                     .set("path", member.path)
                     .set("link", member.link)
                     .set("offset", member.offset)
                     .set("size", member.size_bytes));
  }
  return Json::object().set("spooled", answer->is_spooled).set("members", std::move(members));
}

Result<ArchiveListing> index_answer_from_json(const Json& answer) {
  if (const Json* error = answer.find("error")) return error_from_json(*error);
  JsonReader reader(answer, "the answer of the archive worker");
  ArchiveListing listing;
  listing.is_spooled = TRY(reader.get_bool("spooled"));
  for (const auto& element : TRY(reader.elements("members"))) {
    listing.members.push_back({.path = TRY(element.get_string("path")),
                               .link = TRY(element.get_string("link")),
                               .offset = TRY(element.get_uint("offset")),
                               .size_bytes = TRY(element.get_uint("size"))});
  }
  return listing;
}

int run_index_worker(const SpoolRequest& request, const LoadFilter& load_filter) {
  prepare_worker();
  return finish_worker(request.answer_fd, index_bounded(request, load_filter));
}

Json to_json(const PackRequest& request) {
  Json plan = Json::array();
  for (const auto& member : request.plan) plan.push(member_to_json(member));
  return Json::object()
      .set("blobsFd", request.blobs_fd)
      .set("outputFd", request.output_fd)
      .set("answerFd", request.answer_fd)
      .set("contentOnly", request.form == PackForm::content)
      .set("plan", std::move(plan));
}

Result<PackRequest> pack_request_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  PackRequest request;
  request.blobs_fd = TRY(fd_from_json(reader, "blobsFd"));
  request.output_fd = TRY(fd_from_json(reader, "outputFd"));
  request.answer_fd = TRY(fd_from_json(reader, "answerFd"));
  request.form = TRY(reader.bool_or("contentOnly", false)) ? PackForm::content : PackForm::archive;
  for (const auto& element : TRY(reader.elements("plan"))) request.plan.push_back(TRY(member_from_json(element)));
  return request;
}

Result<void> pack_answer_from_json(const Json& answer) {
  if (const Json* error = answer.find("error")) return error_from_json(*error);
  return ok();
}

int run_pack_worker(const PackRequest& request, const LoadFilter& load_filter) {
  prepare_worker();
  return finish_worker(request.answer_fd, pack_bounded(request, load_filter));
}

}  // namespace ctr::storage
