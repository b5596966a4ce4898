#include "registry/certs.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/file.h"
#include "base/text.h"

namespace ctr::registry {
namespace {

constexpr size_t k_certificate_limit_bytes = size_t{1} << 20;

Result<Certificates> read_directory(const std::string& path) {
  const auto dir = TRY(Dir::open(path));
  auto names = TRY(dir.list());
  std::sort(names.begin(), names.end());
  const auto has = [&](const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  Certificates found;
  for (const auto& name : names) {
    const std::string file = path + "/" + name;
    if (name.ends_with(".crt")) {
      found.authorities_pem += TRY(read_file(file, k_certificate_limit_bytes)) + "\n";
    } else if (name.ends_with(".cert")) {
      const std::string key = name.substr(0, name.size() - 5) + ".key";
      if (!has(key)) {
        return Error(Errc::invalid, "missing key '" + path + "/" + key + "' for client certificate '" + file + "'")
            .with_hint("certificates of authorities have names that end in .crt");
      }
      found.client_certificate_path = file;
      found.client_key_path = path + "/" + key;
    } else if (name.ends_with(".key")) {
      const std::string certificate = name.substr(0, name.size() - 4) + ".cert";
      if (!has(certificate)) {
        return Error(Errc::invalid,
                     "missing client certificate '" + path + "/" + certificate + "' for key '" + file + "'");
      }
    }
  }
  return found;
}

}  // namespace

Result<Certificates> find_certificates(std::string_view host, const std::string& cert_dir, const UserPaths& paths,
                                       const ConfigRoots& roots) {
  if (!cert_dir.empty()) return read_directory(cert_dir).context("read certificates of --cert-dir");
  for (const auto& parent : {paths.config_home + "/containers", roots.etc, roots.etc_docker}) {
    const std::string path = parent + "/certs.d/" + std::string(host);
    auto found = read_directory(path);
    if (found) return found;
    const auto code = found.error().code();
    // Directories of the system that this user may not read are somebody else's.
    if (code != Errc::not_found && code != Errc::permission) return found;
  }
  return Certificates{};
}

}  // namespace ctr::registry
