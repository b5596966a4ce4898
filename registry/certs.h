// Certificates for one registry. Source: containers-certs.d(5).
#pragma once

#include <string>
#include <string_view>

#include "base/paths.h"
#include "base/result.h"
#include "registry/policy.h"

namespace ctr::registry {

struct Certificates {
  std::string authorities_pem;  // all *.crt of the directory, trusted in addition to the system's
  std::string client_certificate_path;
  std::string client_key_path;
  bool operator==(const Certificates&) const = default;
};

// Reads `cert_dir` (--cert-dir) if not empty, else the first existing HOST[:PORT] directory below certs.d of the user,
// of /etc/containers and of /etc/docker. Errors: invalid when a certificate has no key or a key no certificate;
// not_found when `cert_dir` does not exist.
Result<Certificates> find_certificates(std::string_view host, const std::string& cert_dir, const UserPaths& paths,
                                       const ConfigRoots& roots = {});

}  // namespace ctr::registry
