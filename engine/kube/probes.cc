// Probes and hooks of a container: what the monitor runs beside its program.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/grpc_health.h"
#include "engine/kube/reader.h"
#include "engine/probe.h"

namespace ctr::engine::kube {

using std::chrono::seconds;

namespace {

constexpr int64_t k_most_seconds = 365 * 24 * 3600;
constexpr int64_t k_most_failures = 1'000'000;

Result<std::string> read_port(Fields& fields, const PortNames& ports) {
  const auto text = TRY(fields.get_text("port"));
  const bool number = text.find_first_not_of("0123456789") == std::string::npos;
  if (number && text.size() <= 5 && std::stoi(text) > 0 && std::stoi(text) <= 65535) return text;
  const auto named = ports.find(text);
  if (named != ports.end()) return std::to_string(named->second);
  return fields.wrong("port", fmt::format("'{}' is no port and no name of one of the container's", printable(text)));
}

// A test for httpGet. Lines and blanks would become part of the request.
Result<std::vector<std::string>> read_http(Fields& fields, const PortNames& ports) {
  const auto clean = [&](std::string_view key, const std::string& text, std::string_view forbidden) -> Result<void> {
    if (text.find_first_of(forbidden) == std::string::npos) return ok();
    return fields.wrong(key, "has blanks or line ends");
  };
  const auto scheme = TRY(fields.text_or("scheme", "HTTP"));
  if (scheme != "HTTP" && scheme != "HTTPS") return fields.wrong("scheme", "is neither HTTP nor HTTPS");
  const auto host = TRY(fields.text_or("host", "127.0.0.1"));
  auto path = TRY(fields.text_or("path", "/"));
  if (!path.starts_with('/')) path.insert(0, "/");
  TRY(clean("host", host, " \r\n"));
  TRY(clean("path", path, " \r\n"));
  std::vector<std::string> test = {std::string(scheme == "HTTPS" ? k_https_test : k_http_test), host,
                                   TRY(read_port(fields, ports)), path};
  for (auto& header : TRY(fields.maps("httpHeaders"))) {
    const auto name = TRY(header.get_text("name"));
    const auto value = TRY(header.text_or("value", ""));
    TRY(clean("httpHeaders", name, " :\r\n"));
    TRY(clean("httpHeaders", value, "\r\n"));
    test.push_back(fmt::format("{}: {}", name, value));
    TRY(header.finish());
  }
  TRY(fields.finish());
  return test;
}

Result<std::vector<std::string>> read_exec(Fields& fields) {
  std::vector<std::string> test = {"CMD"};
  for (auto& word : TRY(fields.texts("command"))) test.push_back(std::move(word));
  if (test.size() == 1) return fields.wrong("command", "is empty");
  TRY(fields.finish());
  return test;
}

// What a probe or a hook does; empty when it says nothing.
Result<std::vector<std::string>> read_handler(Fields& fields, const PortNames& ports) {
  if (auto exec = TRY(fields.find_map("exec"))) return read_exec(*exec);
  if (auto http = TRY(fields.find_map("httpGet"))) return read_http(*http, ports);
  if (auto tcp = TRY(fields.find_map("tcpSocket"))) {
    const auto host = TRY(tcp->text_or("host", "127.0.0.1"));
    auto port = TRY(read_port(*tcp, ports));
    TRY(tcp->finish());
    return std::vector<std::string>{std::string(k_tcp_test), host, std::move(port)};
  }
  return std::vector<std::string>();
}

// Of probes alone. The port has no name, as in Kubernetes.
Result<std::vector<std::string>> read_grpc(Fields& fields) {
  const auto port = TRY(fields.find_integer("port", 1, 65535));
  if (!port) return fields.wrong("", "port is missing");
  auto service = TRY(fields.text_or("service", ""));
  if (service.size() > k_grpc_service_limit_bytes) return fields.wrong("service", "is too long");
  TRY(fields.finish());
  return std::vector<std::string>{std::string(k_grpc_test), "127.0.0.1", std::to_string(*port), std::move(service)};
}

struct Probe {
  std::vector<std::string> test;
  seconds delay{0}, interval{10}, timeout{1};
  int failures = 3, successes = 1;
};

Result<std::optional<Probe>> read_probe(Fields& container, std::string_view key, const PortNames& ports) {
  auto fields = TRY(container.find_map(key));
  if (!fields) return std::optional<Probe>();
  Probe probe;
  auto grpc = TRY(fields->find_map("grpc"));
  probe.test = grpc ? TRY(read_grpc(*grpc)) : TRY(read_handler(*fields, ports));
  const auto duration = [&](std::string_view name, int64_t least, seconds& out) -> Result<void> {
    const auto value = TRY(fields->find_integer(name, 0, k_most_seconds));
    if (value) out = seconds(std::max(*value, least));
    return ok();
  };
  TRY(duration("initialDelaySeconds", 0, probe.delay));
  TRY(duration("periodSeconds", 1, probe.interval));
  TRY(duration("timeoutSeconds", 1, probe.timeout));
  probe.failures = static_cast<int>(TRY(fields->find_integer("failureThreshold", 1, k_most_failures)).value_or(3));
  probe.successes = static_cast<int>(TRY(fields->find_integer("successThreshold", 1, k_most_failures)).value_or(1));
  if (probe.successes != 1 && key != "readinessProbe") return fields->wrong("successThreshold", "must be 1");
  TRY(fields->finish());
  if (probe.test.empty()) return fields->wrong("", "says nothing to do");
  return std::optional(std::move(probe));
}

oci::HealthConfig health_of(const Probe& probe) {
  oci::HealthConfig health;
  health.test = probe.test;
  health.interval = probe.interval;
  health.timeout = probe.timeout;
  health.start_period = probe.delay;
  health.retries = probe.failures;
  return health;
}

// It runs from the beginning on, and what it says of the first seconds does not count.
StartupHealthSpec startup_of(const Probe& probe) {
  StartupHealthSpec startup;
  startup.test = probe.test;
  startup.interval = probe.interval;
  startup.timeout = probe.timeout;
  startup.retries = probe.failures + static_cast<int>((probe.delay + probe.interval - seconds(1)) / probe.interval);
  startup.successes = 1;
  return startup;
}

ReadinessSpec readiness_of(const Probe& probe) {
  ReadinessSpec readiness;
  readiness.test = probe.test;
  readiness.delay = probe.delay;
  readiness.interval = probe.interval;
  readiness.timeout = probe.timeout;
  readiness.retries = probe.failures;
  readiness.successes = probe.successes;
  return readiness;
}

Result<std::vector<std::string>> read_hook(Fields& lifecycle, std::string_view key, const PortNames& ports) {
  auto fields = TRY(lifecycle.find_map(key));
  if (!fields) return std::vector<std::string>();
  std::vector<std::string> test;
  if (auto sleep = TRY(fields->find_map("sleep"))) {
    const auto time = TRY(sleep->find_integer("seconds", 0, k_most_seconds)).value_or(0);
    TRY(sleep->finish());
    test = {std::string(k_sleep_test), std::to_string(time)};
  } else {
    test = TRY(read_handler(*fields, ports));
  }
  TRY(fields->finish());
  return test;
}

}  // namespace

Result<void> read_probes(Fields& container, const PodContext& context, const PortNames& ports, ContainerPlan& plan) {
  auto& spec = plan.spec;
  const auto liveness = TRY(read_probe(container, "livenessProbe", ports));
  const auto startup = TRY(read_probe(container, "startupProbe", ports));
  const auto readiness = TRY(read_probe(container, "readinessProbe", ports));
  if (liveness) spec.health = health_of(*liveness);
  if (startup) {
    spec.health_rules.startup = startup_of(*startup);
    // Once it has started, nothing is looked at.
    if (!liveness) spec.health = oci::HealthConfig{{std::string(k_pass_test)}, {}, seconds(1), {}, 1};
  }
  if (liveness || startup) {
    const bool again = context.restart.policy != RestartSpec::Policy::no || plan.role == ContainerPlan::Role::sidecar;
    spec.health_rules.on_failure = again ? HealthAction::restart : HealthAction::kill;
  }
  if (readiness) spec.probes.readiness = readiness_of(*readiness);
  if (auto lifecycle = TRY(container.find_map("lifecycle"))) {
    spec.probes.post_start = TRY(read_hook(*lifecycle, "postStart", ports));
    spec.probes.pre_stop = TRY(read_hook(*lifecycle, "preStop", ports));
    spec.stop_signal = TRY(lifecycle->text_or("stopSignal", ""));
    TRY(lifecycle->finish());
  }
  return ok();
}

}  // namespace ctr::engine::kube
