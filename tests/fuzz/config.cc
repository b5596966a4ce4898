// The configuration files: containers.conf, storage.conf, and the files of the Container Device Interface.
#include "engine/config.h"

#include "base/yaml.h"
#include "engine/cdi.h"
#include "engine/storage_config.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace ctr;          // NOLINT(google-build-using-namespace): a test
using namespace ctr::engine;  // NOLINT(google-build-using-namespace): a test

void fuzz_containers_conf(std::string_view text) {
  Config config;
  if (!apply_config(config, text, "containers.conf")) return;
  CTR_ASSERT(!config_values(config).empty());
  for (const auto& warning : config.warnings) CTR_ASSERT(warning.find('\n') == std::string::npos);
}

void fuzz_storage_conf(std::string_view text) {
  const Environment environment{{"HOME", "/home/fuzz"}, {"USER", "fuzz"}};
  StorageConfig config;
  if (apply_storage_config(config, text, "storage.conf", {environment, 1000})) {
    (void)check_storage_config(config);
    CTR_ASSERT(!storage_values(config).empty());
  }
  (void)apply_storage_option(config, text, "--storage-opt");
}

void fuzz_devices(std::string_view text) {
  const auto documents = parse_yaml(text, "device.yaml");
  if (documents && documents->size() == 1) {
    const auto file = parse_cdi_file(yaml_to_json(documents->front()), "device.yaml");
    if (!file) return;
    for (const auto& [name, edits] : file->devices) {
      const auto full = file->kind + "=" + name;
      if (is_cdi_name(full)) CTR_ASSERT(choose_cdi_edits({full}, {{*file}}));
    }
  }
}

}  // namespace

void fuzz(std::string_view text) {
  fuzz_containers_conf(text);
  fuzz_storage_conf(text);
  fuzz_devices(text);
}
