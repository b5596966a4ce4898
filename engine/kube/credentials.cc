#include "engine/kube/credentials.h"

#include <fmt/format.h>

#include <chrono>

#include "base/child.h"
#include "base/text.h"

namespace ctr::engine::kube {

namespace {

constexpr std::string_view k_group = "client.authentication.k8s.io/";
// It may talk to servers of others.
constexpr std::chrono::minutes k_patience{5};

Json info_of(const CredentialProgram& program, const Json& cluster) {
  Json spec = Json::object().set("interactive", false);
  if (program.tells_cluster) spec.set("cluster", cluster);
  return Json::object().set("apiVersion", program.api).set("kind", "ExecCredential").set("spec", std::move(spec));
}

std::vector<std::string> environment_of(const CredentialProgram& program, const Json& cluster,
                                        Environment environment) {
  for (const auto& [name, value] : program.env) environment.insert_or_assign(name, value);
  environment.insert_or_assign("KUBERNETES_EXEC_INFO", dump_json(info_of(program, cluster)));
  std::vector<std::string> words;
  for (const auto& [name, value] : environment) words.push_back(fmt::format("{}={}", name, value));
  return words;
}

Error with_hint_of(Error error, const CredentialProgram& program) {
  return program.hint.empty() ? std::move(error) : std::move(error).with_hint(printable(program.hint));
}

}  // namespace

Result<CredentialProgram> read_credential_program(Fields& exec, const std::string& dir) {
  CredentialProgram program;
  program.where = exec.wrong("", "").message();
  program.api = TRY(exec.get_text("apiVersion"));
  if (program.api != std::string(k_group) + "v1" && program.api != std::string(k_group) + "v1beta1") {
    return exec.wrong("apiVersion", fmt::format("'{}' is not supported", printable(program.api)))
        .with_code(Errc::unsupported);
  }
  program.command = TRY(exec.get_text("command"));
  const bool is_path = program.command.find('/') != std::string::npos;
  if (is_path && !program.command.starts_with('/')) program.command.insert(0, dir + "/");
  program.args = TRY(exec.texts("args"));
  for (auto& entry : TRY(exec.maps("env"))) {
    program.env.emplace_back(TRY(entry.get_text("name")), TRY(entry.text_or("value", "")));
  }
  program.tells_cluster = TRY(exec.flag_or("provideClusterInfo", false));
  program.hint = TRY(exec.text_or("installHint", ""));
  if (TRY(exec.text_or("interactiveMode", "")) == "Always") {
    return exec.wrong("interactiveMode", "a program that has to ask a person is not supported")
        .with_code(Errc::unsupported)
        .with_hint("use a user with a token or a client certificate");
  }
  return program;
}

Result<Credential> parse_credential(const std::string& output, const std::string& api) {
  const Json json = TRY(parse_json(output, "the credential"));
  const JsonReader reader(json, "the credential");
  TRY(reader.expect_object());
  const auto kind = TRY(reader.string_or("kind", ""));
  if (kind != "ExecCredential" || TRY(reader.string_or("apiVersion", "")) != api) {
    return Error(Errc::invalid, fmt::format("what it prints is not an ExecCredential of {}", api));
  }
  const auto status = TRY(reader.find_object("status"));
  if (!status) return Error(Errc::invalid, "what it prints has no status");
  Credential credential;
  credential.token = TRY(status->string_or("token", ""));
  credential.certificate_pem = TRY(status->string_or("clientCertificateData", ""));
  credential.key_pem = TRY(status->string_or("clientKeyData", ""));
  if (credential.certificate_pem.empty() != credential.key_pem.empty()) {
    return Error(Errc::invalid, "what it prints has a certificate without a key, or a key without a certificate");
  }
  if (credential.token.empty() && credential.key_pem.empty()) {
    return Error(Errc::invalid, "what it prints has neither a token nor a certificate");
  }
  return credential;
}

Result<Credential> get_credential(const CredentialProgram& program, const Json& cluster, const Environment& environment,
                                  const CancelToken& cancel) {
  const bool is_path = program.command.find('/') != std::string::npos;
  const auto path = is_path ? TRY(absolute_path(program.command)) : find_program(program.command, environment);
  if (path.empty()) {
    return with_hint_of(
        Error(Errc::not_found, fmt::format("{}there is no program '{}'", program.where, printable(program.command))),
        program);
  }
  SpawnOptions options;
  options.program = path;
  options.argv = {program.command};
  options.argv.insert(options.argv.end(), program.args.begin(), program.args.end());
  options.env = environment_of(program, cluster, environment);
  auto ran = run_program(std::move(options), "", k_patience, cancel);
  if (!ran) return with_hint_of(std::move(ran).error().context(program.where + "run the program"), program);
  if (ran->status.code != 0) {
    return Error(Errc::invalid, fmt::format("{}'{}' has ended with {}: {}", program.where, printable(program.command),
                                            ran->status.code, printable(trim(ran->err), 500)));
  }
  return parse_credential(ran->out, program.api).context(program.where + printable(program.command));
}

}  // namespace ctr::engine::kube
