// Endpoint: one place a repository can be asked from.
#pragma once

#include <string>

namespace ctr::registry {

// A registry host and the repository below it, after mirrors and remaps of registries.conf are applied.
struct Endpoint {
  std::string host;        // "quay.io", "localhost:5000"; "docker.io" stays so, the client knows the host of its API
  std::string repository;  // "library/debian"
  bool insecure = false;   // plain http and unverified TLS are allowed
  bool is_mirror = false;  // not the registry the reference names: credentials given by hand do not go there

  std::string name() const { return host + "/" + repository; }
  bool operator==(const Endpoint&) const = default;
};

}  // namespace ctr::registry
