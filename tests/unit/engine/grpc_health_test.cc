#include "engine/grpc_health.h"

#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;

namespace {

using Bytes = std::string;

Bytes frame(char type, char flags, char stream, const Bytes& payload) {
  Bytes out = {static_cast<char>(payload.size() >> 16), static_cast<char>(payload.size() >> 8),
               static_cast<char>(payload.size())};
  return out + type + flags + Bytes(3, '\0') + stream + payload;
}

const Bytes k_settings = frame(4, 0, 0, "");
const Bytes k_acknowledged = frame(4, 1, 0, "");
const Bytes k_headers = frame(1, 4, 1, "\x88");
const Bytes k_trailers = frame(1, 5, 1, "\x88");

Bytes message(const Bytes& body) { return Bytes(4, '\0') + static_cast<char>(body.size()) + body; }
const Bytes k_serving = message("\x08\x01");

// What is said of an answer that comes all at once.
std::string verdict(const Bytes& bytes) {
  GrpcHealthAnswer answer;
  const auto taken = answer.take(bytes);
  if (!taken) return taken.error().text();
  if (!answer.ended()) return "goes on";
  const auto said = answer.verdict();
  return said ? "good" : said.error().text();
}

}  // namespace

TEST_CASE("the request for the health of a service is HTTP/2 as the RFC has it") {
  const auto request = grpc_health_request("10.0.0.1:9090", "shop");
  CHECK(request.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + k_settings));
  CHECK(request.ends_with(frame(0, 1, 1, message("\x0a\x04shop"))));
  CHECK(request.find("\x04\x1c/grpc.health.v1.Health/Check\x01\x0d"
                     "10.0.0.1:9090") != std::string::npos);
  CHECK(grpc_health_request("h:1", "").ends_with(frame(0, 1, 1, Bytes(5, '\0'))));
  // Numbers that do not fit into the bits of their first byte go on in the next ones.
  const std::string host(200, 'h');
  CHECK(grpc_health_request(host, "").find("\x01\x7f\x49" + host) != std::string::npos);
}

TEST_CASE("a service that serves is healthy, and no other") {
  CHECK(verdict(k_settings + k_headers + frame(0, 0, 1, k_serving) + k_trailers) == "good");
  CHECK(verdict(k_settings + k_headers + frame(0, 1, 1, k_serving)) == "good");
  // Padding, and fields that a later version may have.
  CHECK(verdict(k_settings + frame(0, 9, 1, Bytes("\x02") + message("\x12\x01x\x08\x01") + "xx")) == "good");
  CHECK(verdict(k_settings + frame(0, 1, 1, message("\x08\x02"))) == "the status is NOT_SERVING");
  CHECK(verdict(k_settings + frame(0, 1, 1, message("\x08\x03"))) == "the status is SERVICE_UNKNOWN");
  CHECK(verdict(k_settings + frame(0, 1, 1, message(""))) == "the status is UNKNOWN");
  CHECK(verdict(k_settings + k_trailers) == "the server knows no such service, or does not tell of its health");
}

TEST_CASE("what is asked meanwhile is answered") {
  GrpcHealthAnswer answer;
  const Bytes all = k_settings + frame(6, 0, 0, "12345678") + k_acknowledged + k_headers + frame(0, 1, 1, k_serving);
  std::string replies;
  for (const char byte : all) replies += answer.take(std::string(1, byte)).value_or("");
  CHECK(replies == k_acknowledged + frame(6, 1, 0, "12345678"));
  CHECK(answer.ended());
  CHECK(answer.verdict());
}

TEST_CASE("what is no answer of gRPC is told, and ends the check") {
  CHECK(verdict("HTTP/1.1 400 Bad Request\r\n\r\n") == "the answer is not HTTP/2 without TLS");
  CHECK(verdict(k_headers) == "the answer is not HTTP/2 without TLS");
  CHECK(verdict(k_settings) == "goes on");
  CHECK(verdict(k_settings + frame(0, 0, 3, k_serving)) == "goes on");
  CHECK(verdict(k_settings + frame(7, 0, 0, "")) == "the server has ended the connection");
  CHECK(verdict(k_settings + frame(3, 0, 1, Bytes(4, '\0'))) == "the server has broken off the call");
  CHECK(verdict(k_settings + frame(5, 0, 1, "")) == "the server has sent what nobody has asked for");
  CHECK(verdict(k_settings + frame(0, 9, 1, "\x05x")) == "the answer is not HTTP/2");
  CHECK(verdict(k_settings + frame(0, 9, 1, "")) == "the answer is not HTTP/2");
  CHECK(verdict(k_settings + Bytes("\xff\xff\xff\x00", 4) + Bytes(5, '\0')) == "the answer is not HTTP/2 without TLS");
  CHECK(verdict(k_settings + frame(0, 1, 1, "\x01")) == "the answer is not one message of gRPC");
  CHECK(verdict(k_settings + frame(0, 1, 1, Bytes("\x01\0\0\0\0", 5))) == "the answer is not one message of gRPC");
  CHECK(verdict(k_settings + frame(0, 1, 1, k_serving + "x")) == "the answer is not one message of gRPC");
  CHECK(verdict(k_settings + frame(0, 1, 1, message("\x12\x7f"))) == "the answer is not one of a health check");
  CHECK(verdict(k_settings + frame(0, 1, 1, message("\x08"))) == "the answer is not one of a health check");
  GrpcHealthAnswer endless;
  Result<std::string> taken = std::string();
  for (int i = 0; i < 10 && taken; ++i) taken = endless.take(k_settings + frame(0, 0, 1, Bytes(10'000, 'x')));
  CHECK_FALSE(taken);
}
