#include "registry/certs.h"

#include <string>

#include "tests/catch.h"
#include "tests/unit/registry/home.h"

using namespace ctr::registry;  // NOLINT(google-build-using-namespace): a test
using ctr::test::TemporaryHome;

namespace {

ctr::Result<Certificates> find(const TemporaryHome& home, const std::string& cert_dir = "") {
  return find_certificates("h:5000", cert_dir, home.paths(),
                           {.etc = home.path() + "/etc", .etc_docker = home.path() + "/docker"});
}

}  // namespace

TEST_CASE("a registry without a directory has no certificates") {
  const TemporaryHome home;
  home.write("etc/certs.d/h:5001/ca.crt", "other");
  CHECK(*find(home) == Certificates{});
}

TEST_CASE("the user's directory comes before those of the system") {
  const TemporaryHome home;
  home.write("docker/certs.d/h:5000/ca.crt", "docker");
  CHECK(find(home)->authorities_pem == "docker\n");
  home.write("etc/certs.d/h:5000/ca.crt", "etc");
  CHECK(find(home)->authorities_pem == "etc\n");
  home.write(".config/containers/certs.d/h:5000/a.crt", "user");
  home.write(".config/containers/certs.d/h:5000/b.crt", "second");
  CHECK(find(home)->authorities_pem == "user\nsecond\n");
}

TEST_CASE("a client certificate needs its key and the other way round") {
  const TemporaryHome home;
  home.write("etc/certs.d/h:5000/client.cert", "c");
  CHECK_THAT(find(home).error().text(), Catch::Matchers::ContainsSubstring("missing key"));
  home.write("etc/certs.d/h:5000/client.key", "k");
  CHECK(find(home)->client_key_path == home.path() + "/etc/certs.d/h:5000/client.key");
  home.write("etc/certs.d/h:5000/lonely.key", "k");
  CHECK_THAT(find(home).error().text(), Catch::Matchers::ContainsSubstring("missing client certificate"));
}

TEST_CASE("--cert-dir replaces the search and must exist") {
  const TemporaryHome home;
  home.write("etc/certs.d/h:5000/ca.crt", "etc");
  home.write("mine/ca.crt", "mine");
  CHECK(find(home, home.path() + "/mine")->authorities_pem == "mine\n");
  CHECK_FALSE(find(home, home.path() + "/absent"));
}
