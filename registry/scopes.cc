#include "registry/scopes.h"

#include <string_view>

namespace ctr::registry {

std::vector<std::string> scopes_of(const oci::ImageReference& reference) {
  std::vector<std::string> scopes;
  std::string name = reference.name();
  scopes.push_back(reference.digest ? name + "@" + reference.digest->to_string()
                                    : name + ":" + reference.tag.value_or("latest"));
  scopes.push_back(name);
  for (auto slash = name.rfind('/'); slash != std::string::npos; slash = name.rfind('/')) {
    name.resize(slash);
    scopes.push_back(name);
  }
  std::string_view host = reference.domain;
  for (auto dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.')) {
    host = host.substr(dot + 1);
    scopes.push_back("*." + std::string(host));
  }
  scopes.emplace_back();
  return scopes;
}

}  // namespace ctr::registry
