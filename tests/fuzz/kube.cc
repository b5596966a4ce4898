// Kubernetes YAML and kubeconfig files.
#include "base/yaml.h"
#include "engine/kube/apply.h"
#include "engine/kube/plan.h"
#include "engine/kube/quantity.h"
#include "tests/fuzz/fuzz.h"

using namespace ctr;
using namespace ctr::engine;

void fuzz(std::string_view text) {
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
