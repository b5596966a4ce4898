#include "engine/web.h"

namespace ctr::engine {

Json to_json(const WebRequest& request) {
  return Json::object()
      .set("patch", request.method == WebRequest::Method::patch)
      .set("url", request.url)
      .set("headers", Json::strings(request.headers))
      .set("body", request.body)
      .set("verify", request.verify)
      .set("authorities", request.authorities_pem)
      .set("certificate", request.client_certificate_pem)
      .set("key", request.client_key_pem)
      .set("connected", request.connected)
      .set("timeout_ms", int64_t{request.timeout.count()});
}

Result<WebRequest> web_request_from_json(const JsonReader& reader) {
  WebRequest request;
  if (TRY(reader.get_bool("patch"))) request.method = WebRequest::Method::patch;
  request.url = TRY(reader.get_string("url"));
  request.headers = TRY(reader.strings("headers"));
  request.body = TRY(reader.get_string("body"));
  request.verify = TRY(reader.get_bool("verify"));
  request.authorities_pem = TRY(reader.get_string("authorities"));
  request.client_certificate_pem = TRY(reader.get_string("certificate"));
  request.client_key_pem = TRY(reader.get_string("key"));
  request.connected = TRY(reader.get_bool("connected"));
  request.timeout = std::chrono::milliseconds(TRY(reader.get_int("timeout_ms")));
  return request;
}

Json to_json(const WebAnswer& answer) { return Json::object().set("status", answer.status).set("body", answer.body); }

Result<WebAnswer> web_answer_from_json(const JsonReader& reader) {
  WebAnswer answer;
  answer.status = static_cast<int>(TRY(reader.get_int("status")));
  answer.body = TRY(reader.get_string("body"));
  return answer;
}

}  // namespace ctr::engine
