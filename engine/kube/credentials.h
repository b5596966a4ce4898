// Programs that a kubeconfig file names for credentials.
//
// Source: the documentation of Kubernetes, "client-go credential plugins", "Client Authentication (v1)".
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/result.h"
#include "engine/kube/fields.h"

namespace ctr::engine::kube {

struct CredentialProgram {
  std::string command;  // a name to be looked up in PATH, or an absolute path
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;  // beside the user's
  std::string api;                                       // what it is to speak
  bool tells_cluster = false;                            // it wants to know which cluster it is for
  std::string hint;                                      // what to do when it is not there; may be empty
  std::string where;                                     // "FILE:LINE: PATH: "
  bool operator==(const CredentialProgram&) const = default;
};

struct Credential {
  std::string token, certificate_pem, key_pem;
  bool operator==(const Credential&) const = default;
};

// The member `exec` of a user. `dir` is that of the file. Errors: invalid; unsupported for one that has to ask a
// person.
Result<CredentialProgram> read_credential_program(Fields& exec, const std::string& dir);
// What it prints. Errors: invalid.
Result<Credential> parse_credential(const std::string& output, const std::string& api);
// Runs it as the user; `cluster` is what is told of the cluster. Errors: not_found with the hint, invalid with its
// words.
Result<Credential> get_credential(const CredentialProgram& program, const Json& cluster, const Environment& environment,
                                  const CancelToken& cancel);

}  // namespace ctr::engine::kube
