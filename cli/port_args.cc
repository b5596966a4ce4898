#include "cli/port_args.h"

#include "engine/port_words.h"

namespace ctr::cli {

Result<void> add_ports(const Args& args, engine::ContainerSpec& spec) {
  for (const auto& text : args.list("publish")) {
    for (auto& mapping : TRY(engine::parse_publish(text))) spec.ports.push_back(std::move(mapping));
  }
  for (const auto& text : args.list("expose")) spec.exposed_ports.push_back(TRY(engine::parse_expose(text)));
  spec.publish_all_ports = args.flag("publish-all");
  spec.ports = TRY(engine::combine_mappings(spec.ports));
  return ok();
}

}  // namespace ctr::cli
