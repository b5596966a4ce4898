#include "cli/secret_args.h"

#include <string>

#include "tests/catch.h"

namespace ctr::cli {
namespace {

using engine::SecretUse;

SecretUse good(const std::string& text) {
  auto use = parse_secret(text);
  INFO((use ? "" : use.error().text()));
  REQUIRE(use);
  return std::move(use).value();
}

std::string wrong(const std::string& text) {
  const auto use = parse_secret(text);
  return use ? "no error" : use.error().text();
}

}  // namespace

TEST_CASE("a secret alone is a file of its name that everybody in the container can read") {
  const auto use = good("key");
  CHECK(use.name == "key");
  CHECK(use.target == "key");
  CHECK(use.type == SecretUse::Type::mount);
  CHECK(use.uid == 0);
  CHECK(use.gid == 0);
  CHECK(use.mode == 0444);
  CHECK(use.id.empty());
  CHECK(good("source=key") == use);
  CHECK(good("key,type=mount") == use);
  CHECK(good("type=mount,source=key") == use);
}

TEST_CASE("target, owner and mode of a secret's file") {
  const auto use = good("key,target=/etc/app/key,uid=7,gid=4294967294,mode=0400");
  CHECK(use.target == "/etc/app/key");
  CHECK(use.uid == 7);
  CHECK(use.gid == 4294967294);
  CHECK(use.mode == 0400);
  CHECK(good("key,target=/run/secrets/other").target == "other");
  CHECK(good("key,target=sub/other").target == "sub/other");
  CHECK(good("key,target=other,UID=8,GID=9,mode=640") == good("key,uid=8,gid=9,mode=0640,target=other"));
}

TEST_CASE("a secret as a variable of its name, or of another") {
  CHECK(good("key,type=env").type == SecretUse::Type::env);
  CHECK(good("key,type=env").target == "key");
  CHECK(good("key,target=KEY,type=env").target == "KEY");
}

TEST_CASE("what --secret cannot mean is refused by name") {
  CHECK(wrong("") == "no source found : parsing secret");
  CHECK(wrong("type=mount") == "no source found type=mount: parsing secret");
  CHECK(wrong("key,bare") == "option bare must be in form option=value: parsing secret");
  CHECK(wrong("key,nosuch=1") == "option nosuch=1 invalid: parsing secret");
  CHECK(wrong("key,type=other") == "type other is invalid: parsing secret");
  CHECK(wrong("key,type=env,type=env") == "cannot set more than one secret type: parsing secret");
  CHECK(wrong("key,mode=9") == "mode 9 invalid: parsing secret");
  CHECK(wrong("key,mode=10000") == "mode 10000 invalid: parsing secret");
  CHECK(wrong("key,uid=x") == "UID x invalid: parsing secret");
  CHECK(wrong("key,gid=-1") == "GID -1 invalid: parsing secret");
  // chown(2) would take it for "no change".
  CHECK(wrong("key,uid=4294967295") == "UID 4294967295 invalid: parsing secret");
  CHECK(wrong("key,type=env,uid=1") == "UID, GID, Mode options cannot be set with secret type env: parsing secret");
  CHECK(wrong("key,mode=0400,type=env") == "UID, GID, Mode options cannot be set with secret type env: parsing secret");
  CHECK(wrong("key,type=env,target=A=B") == "'A=B' is not the name of a variable: parsing secret");
  CHECK(wrong("key,target=../x") == "the target '../x' has '..' in it: parsing secret");
  CHECK(wrong("key,target=/etc/../x") == "the target '/etc/../x' has '..' in it: parsing secret");
  CHECK(wrong("key,target=/run/secrets/") == "the target '/run/secrets/' is a directory: parsing secret");
  CHECK(wrong("key,target=/etc/") == "the target '/etc/' is a directory: parsing secret");
}

}  // namespace ctr::cli
