// The way to a cluster: kubeconfig files, and the requests that bring documents there. Pure.
//
// Each document is one request of server-side apply, which makes what is not there and changes what is.
// Source: the documentation of Kubernetes, "Organizing Cluster Access Using kubeconfig Files", "Server-Side Apply".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/kube/credentials.h"
#include "engine/kube/plan.h"
#include "engine/web.h"

namespace ctr::engine::kube {

struct Cluster {
  std::string server;  // "https://…"
  std::string space;   // the context's namespace; empty: default
  bool verify = true;
  std::string authorities_pem, client_certificate_pem, client_key_pem;
  std::string authorization;                 // the value of the header; empty: none
  std::optional<CredentialProgram> program;  // that gives what the file does not
  bool operator==(const Cluster&) const = default;
};

using ReadFile = std::function<Result<std::string>(const std::string& path)>;
// The cluster of the current context. Relative paths in the file are seen from its own directory.
// Errors: invalid with the line; unsupported for ways to get credentials that are not there.
Result<Cluster> read_kubeconfig(const InputFile& file, const ReadFile& read_file);
// What a program has given counts in place of what is there. Errors: invalid.
Result<void> use_credential(const Credential& credential, Cluster& cluster);
// What a program is told of the cluster.
Json cluster_info(const Cluster& cluster);

struct Apply {
  std::vector<WebRequest> requests;
  std::vector<std::string> names;  // "pod/NAME" of each
};
// Errors: invalid, for kinds that cannot be applied, too.
Result<Apply> plan_apply(const InputFile& file, const Cluster& cluster, const std::string& space);
// The words of the cluster for what it has refused.
Error apply_error(const std::string& name, const WebAnswer& answer);

}  // namespace ctr::engine::kube
