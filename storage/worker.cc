#include "storage/worker.h"

#include <sys/prctl.h>

#include <csignal>

#include "base/channel.h"

namespace ctr::storage {

Json to_json(const SpoolRequest& request) {
  return Json::object()
      .set("inputFd", request.input_fd)
      .set("spoolFd", request.spool_fd)
      .set("answerFd", request.answer_fd);
}

Result<SpoolRequest> spool_request_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  return SpoolRequest{.input_fd = TRY(fd_from_json(reader, "inputFd")),
                      .spool_fd = TRY(fd_from_json(reader, "spoolFd")),
                      .answer_fd = TRY(fd_from_json(reader, "answerFd"))};
}

Result<int> fd_from_json(const JsonReader& reader, std::string_view key) {
  const int64_t fd = TRY(reader.int_or(key, -1));
  if (fd < -1 || fd > INT32_MAX) return reader.wrong(key, "a descriptor");
  return static_cast<int>(fd);
}

Json to_json(const Result<void>& answer) {
  Json json = Json::object();
  if (!answer) json.set("error", ctr::to_json(answer.error()));
  return json;
}

void prepare_worker() {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  (void)::signal(SIGPIPE, SIG_IGN);
}

}  // namespace ctr::storage
