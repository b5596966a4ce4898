#include "engine/spec_probes.h"

namespace ctr::engine {

using std::chrono::nanoseconds;

namespace {

Json to_json(const ReadinessSpec& readiness) {
  return Json::object()
      .set("test", Json::strings(readiness.test))
      .set("delay", int64_t{readiness.delay.count()})
      .set("interval", int64_t{readiness.interval.count()})
      .set("timeout", int64_t{readiness.timeout.count()})
      .set("retries", readiness.retries)
      .set("successes", readiness.successes);
}

Result<ReadinessSpec> readiness_from_json(const JsonReader& reader) {
  ReadinessSpec readiness;
  readiness.test = TRY(reader.strings("test"));
  readiness.delay = nanoseconds(TRY(reader.int_or("delay", 0)));
  readiness.interval = nanoseconds(TRY(reader.int_or("interval", 0)));
  readiness.timeout = nanoseconds(TRY(reader.int_or("timeout", 0)));
  readiness.retries = static_cast<int>(TRY(reader.int_or("retries", 3)));
  readiness.successes = static_cast<int>(TRY(reader.int_or("successes", 1)));
  return readiness;
}

}  // namespace

Json to_json(const ProbeSpec& probes) {
  Json json = Json::object();
  if (probes.readiness) json.set("readiness", to_json(*probes.readiness));
  if (!probes.post_start.empty()) json.set("postStart", Json::strings(probes.post_start));
  if (!probes.pre_stop.empty()) json.set("preStop", Json::strings(probes.pre_stop));
  return json;
}

Result<ProbeSpec> probe_spec_from_json(const JsonReader& reader) {
  ProbeSpec probes;
  if (const auto readiness = TRY(reader.find_object("readiness"))) {
    probes.readiness = TRY(readiness_from_json(*readiness));
  }
  probes.post_start = TRY(reader.strings("postStart"));
  probes.pre_stop = TRY(reader.strings("preStop"));
  return probes;
}

}  // namespace ctr::engine
