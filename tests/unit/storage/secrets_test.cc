// Secrets of a store.
#include "storage/secrets.h"

#include <sys/stat.h>

#include "tests/unit/storage/support.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

namespace {

SecretRecord wanted(std::string name) {
  SecretRecord secret;
  secret.name = std::move(name);
  secret.labels = {{"a", "b"}};
  secret.created = secret.updated = from_unix_seconds(1);
  return secret;
}

using IfExists = SecretStore::IfExists;

}  // namespace

TEST_CASE("a secret is kept under an id of 25 digits, for its owner alone") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  const auto secrets = store.secrets();
  const auto id = must(secrets.make(wanted("pass"), std::string("p\0w", 3), IfExists::refuse));
  CHECK(id.size() == 25);
  const auto found = must(secrets.find("pass"));
  CHECK(found.id == id);
  CHECK(found.labels == wanted("").labels);
  CHECK(must(secrets.read(found)) == std::string("p\0w", 3));
  CHECK(must(secrets.find(id.substr(0, 4))) == found);
  CHECK((must_stat(store.dir(), "secrets").st_mode & 0777) == 0700);
  CHECK((must_stat(store.dir(), "secrets/" + id).st_mode & 0777) == 0700);
  CHECK((must_stat(store.dir(), "secrets/" + id + "/data").st_mode & 0777) == 0600);
  CHECK((must_stat(store.dir(), "secrets/" + id + "/secret.json").st_mode & 0777) == 0600);
}

TEST_CASE("a name is given once, kept, or replaced as a whole under the same id") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  const auto secrets = store.secrets();
  const auto id = must(secrets.make(wanted("pass"), "one", IfExists::refuse));
  CHECK(secrets.make(wanted("pass"), "two", IfExists::refuse).error().text() == "pass: secret name in use");
  CHECK(must(secrets.make(wanted("pass"), "two", IfExists::keep)) == id);
  CHECK(must(secrets.read(must(secrets.find("pass")))) == "one");
  auto later = wanted("pass");
  later.updated = from_unix_seconds(5);
  later.created = from_unix_seconds(5);
  CHECK(must(secrets.make(later, "two", IfExists::replace)) == id);
  const auto found = must(secrets.find("pass"));
  CHECK(must(secrets.read(found)) == "two");
  CHECK(found.created == from_unix_seconds(1));
  CHECK(found.updated == from_unix_seconds(5));
  CHECK(must(secrets.list()).size() == 1);
  must(secrets.remove(id));
  CHECK(secrets.remove(id).error().code() == Errc::not_found);
  CHECK(secrets.find("pass").error().text() == "no secret with name or id \"pass\": no such secret");
}

TEST_CASE("a secret has between 1 and 511999 bytes, and a name") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  const auto secrets = store.secrets();
  CHECK(secrets.make(wanted("a"), "", IfExists::refuse).error().message() ==
        "secret data must be larger than 0 and less than 512000 bytes");
  CHECK_FALSE(secrets.make(wanted("a"), std::string(512000, 'x'), IfExists::refuse));
  (void)must(secrets.make(wanted("a"), std::string(511999, 'x'), IfExists::refuse));
  const std::string longest(253, 'n');
  for (const std::string& name : {std::string("db.password"), std::string("-a b_"), longest}) {
    (void)must(secrets.make(wanted(name), "x", IfExists::refuse));
    CHECK(must(secrets.find(name)).name == name);
  }
  for (const std::string& name :
       {std::string(), std::string("../x"), std::string("a/b"), std::string("a,b"), std::string("a=b"),
        std::string("."), std::string(".."), std::string("a\nb"), std::string("a\0b", 3), longest + "n"}) {
    const auto made = secrets.make(wanted(name), "x", IfExists::refuse);
    REQUIRE_FALSE(made);
    CHECK(made.error().code() == Errc::invalid);
    CHECK(made.error().message().find("invalid secret name") != std::string::npos);
  }
}

TEST_CASE("the beginning of several ids is refused, and a name wins over it") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  const auto secrets = store.secrets();
  std::string first;
  // 17 ids: two of them begin with the same digit.
  for (int i = 0; i < 17; ++i) first = must(secrets.make(wanted("s" + std::to_string(i)), "x", IfExists::refuse));
  bool ambiguous = false;
  for (const char digit : std::string("0123456789abcdef")) {
    const auto found = secrets.find(std::string(1, digit));
    ambiguous = ambiguous || (!found && found.error().code() == Errc::invalid);
  }
  CHECK(ambiguous);
  (void)must(secrets.make(wanted(first.substr(0, 5)), "named", IfExists::refuse));
  CHECK(must(secrets.read(must(secrets.find(first.substr(0, 5))))) == "named");
}
