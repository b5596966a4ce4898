// Requests and answers of the unpack worker as JSON.
#include "base/channel.h"
#include "storage/unpack.h"
#include "storage/worker.h"

namespace ctr::storage {
namespace {

Json spans_to_json(const std::vector<IdSpan>& spans) {
  Json array = Json::array();
  for (const auto& span : spans) array.push(Json::object().set("first", span.first).set("count", span.count));
  return array;
}

Result<std::vector<IdSpan>> spans_from_json(const JsonReader& reader, std::string_view key) {
  std::vector<IdSpan> spans;
  for (const auto& element : TRY(reader.elements(key))) {
    uint64_t first = TRY(element.get_uint("first"));
    uint64_t count = TRY(element.get_uint("count"));
    if (first > UINT32_MAX || count > UINT32_MAX) return element.wrong("first", "a span of 32-bit ids");
    spans.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(count)});
  }
  return spans;
}

Json limits_to_json(const UnpackLimits& limits) {
  return Json::object()
      .set("files", limits.files)
      .set("totalBytes", limits.total_bytes)
      .set("streamBytes", limits.stream_bytes)
      .set("extensionHeaderBytes", limits.extension_header_bytes)
      .set("xattrValueBytes", limits.xattr_value_bytes)
      .set("xattrTotalBytes", limits.xattr_total_bytes)
      .set("pathBytes", limits.path_bytes);
}

Result<UnpackLimits> limits_from_json(const JsonReader& reader) {
  UnpackLimits limits;
  limits.files = TRY(reader.uint_or("files", limits.files));
  limits.total_bytes = TRY(reader.uint_or("totalBytes", limits.total_bytes));
  limits.stream_bytes = TRY(reader.uint_or("streamBytes", limits.stream_bytes));
  limits.extension_header_bytes = TRY(reader.uint_or("extensionHeaderBytes", limits.extension_header_bytes));
  limits.xattr_value_bytes = TRY(reader.uint_or("xattrValueBytes", limits.xattr_value_bytes));
  limits.xattr_total_bytes = TRY(reader.uint_or("xattrTotalBytes", limits.xattr_total_bytes));
  limits.path_bytes = TRY(reader.uint_or("pathBytes", limits.path_bytes));
  return limits;
}

}  // namespace

Json to_json(const UnpackRequest& request) {
  const auto& owners = request.options.owners;
  return Json::object()
      .set("blobFd", request.blob_fd)
      .set("countFd", request.count_fd)
      .set("targetFd", request.target_fd)
      .set("answerFd", request.answer_fd)
      .set("limits", limits_to_json(request.options.limits))
      .set("uids", spans_to_json(owners.uids))
      .set("gids", spans_to_json(owners.gids))
      .set("ignoreOwners", owners.ignore);
}

Result<UnpackRequest> unpack_request_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  UnpackRequest request;
  request.blob_fd = TRY(fd_from_json(reader, "blobFd"));
  request.count_fd = TRY(fd_from_json(reader, "countFd"));
  request.target_fd = TRY(fd_from_json(reader, "targetFd"));
  request.answer_fd = TRY(fd_from_json(reader, "answerFd"));
  if (auto limits = TRY(reader.find_object("limits"))) request.options.limits = TRY(limits_from_json(*limits));
  request.options.owners.uids = TRY(spans_from_json(reader, "uids"));
  request.options.owners.gids = TRY(spans_from_json(reader, "gids"));
  request.options.owners.ignore = TRY(reader.bool_or("ignoreOwners", false));
  return request;
}

Json to_json(const Result<UnpackedLayer>& answer) {
  if (!answer) return Json::object().set("error", ctr::to_json(answer.error()));
  return Json::object()
      .set("diffId", answer->record.diff_id.digest.to_string())
      .set("size", answer->record.size_bytes)
      .set("files", answer->record.files)
      .set("opaqueRoot", answer->record.is_opaque_root)
      .set("contentBytes", answer->content_bytes)
      .set("skippedDevices", answer->skipped_devices)
      .set("skippedXattrs", answer->skipped_xattrs);
}

Result<UnpackedLayer> unpack_answer_from_json(const Json& answer) {
  if (const Json* error = answer.find("error")) return error_from_json(*error);
  JsonReader reader(answer, "the answer of the unpack worker");
  TRY(reader.expect_object());
  return UnpackedLayer{
      .record = {.diff_id = {TRY(Digest::parse(TRY(reader.get_string("diffId"))))},
                 .size_bytes = TRY(reader.get_uint("size")),
                 .files = TRY(reader.get_uint("files")),
                 .is_opaque_root = TRY(reader.get_bool("opaqueRoot"))},
      .content_bytes = TRY(reader.get_uint("contentBytes")),
      .skipped_devices = TRY(reader.get_uint("skippedDevices")),
      .skipped_xattrs = TRY(reader.get_uint("skippedXattrs")),
  };
}

}  // namespace ctr::storage
