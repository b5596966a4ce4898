// Kubernetes YAML, kubeconfig files, credentials of programs, and what servers that are probed answer.
#include "base/yaml.h"
#include "engine/grpc_health.h"
#include "engine/kube/apply.h"
#include "engine/kube/credentials.h"
#include "engine/kube/plan.h"
#include "engine/kube/quantity.h"
#include "tests/fuzz/fuzz.h"

using namespace ctr;
using namespace ctr::engine;

namespace {

// All at once, and in parts: it makes no difference.
void fuzz_health(std::string_view text) {
  GrpcHealthAnswer whole;
  const bool taken = static_cast<bool>(whole.take(text));
  if (taken && whole.ended()) (void)whole.verdict();
  GrpcHealthAnswer parts;
  bool good = true;
  for (size_t i = 0; i < text.size() && good && !parts.ended(); ++i)
    good = static_cast<bool>(parts.take(text.substr(i, 1)));
  CTR_ASSERT(whole.ended() == parts.ended() || !good || !taken);
  if (parts.ended()) (void)parts.verdict();
}

}  // namespace

void fuzz(std::string_view text) {
  fuzz_health(text);
  (void)kube::parse_credential(std::string(text), "client.authentication.k8s.io/v1");
  const std::string file(text);
  const auto documents = parse_yaml(text, "f");
  if (documents) {
    for (const auto& document : *documents) (void)dump_json(yaml_to_json(document));
  }
  (void)is_yaml_word(text);
  for (const auto unsupported : {kube::Unsupported::refused, kube::Unsupported::ignored}) {
    kube::Choices choices;
    choices.unsupported = unsupported;
    (void)kube::plan_kube({"f", file}, {{"f", file}}, choices);
    (void)kube::plan_kube({"f", file}, {}, choices);
  }
  (void)kube::names_in({"f", file});
  (void)kube::plan_apply({"f", file}, {}, "");
  (void)kube::read_kubeconfig({"f", file}, [](const std::string& path) -> Result<std::string> { return path; });
  (void)kube::parse_quantity(text);
}
