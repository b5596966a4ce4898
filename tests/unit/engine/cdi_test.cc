#include "engine/cdi.h"

#include "tests/catch.h"
#include "tests/temporary_dir.h"

namespace ctr::engine {

namespace {

Result<CdiFile> parse(const std::string& text, const std::string& path = "/etc/cdi/a.json") {
  return parse_cdi_file(TRY(parse_json(text, path)), path);
}

std::string file_with(const std::string& edits, const std::string& device = "0") {
  return R"({"cdiVersion": "0.6.0", "kind": "v.com/c", "containerEdits": {"env": ["ALL=1"]},
             "devices": [{"name": ")" +
         device + R"(", "containerEdits": )" + edits + "}]}";
}

std::string error_of(const std::string& edits) {
  const auto file = parse(file_with(edits));
  REQUIRE_FALSE(file);
  return file.error().text();
}

}  // namespace

TEST_CASE("the name of a device of the Container Device Interface is no path of a device") {
  for (const char* name : {"nvidia.com/gpu=all", "v/c=0", "vendor.com/net_a-b=eth0:1.2", "a-b.com/c=GPU-0123"}) {
    INFO(name);
    CHECK(is_cdi_name(name));
  }
  for (const char* name : {"/dev/null", "/dev/a=b", "v/c", "v/c=", "=x", "v=x", "1v/c=0", "v/1c=0", "v/c=-0", "v/c=a b",
                           "v/c/d=0", "v./c=0"}) {
    INFO(name);
    CHECK_FALSE(is_cdi_name(name));
  }
}

TEST_CASE("what a file says of a device becomes edits") {
  const auto file = parse(file_with(R"({
    "env": ["A=b"],
    "deviceNodes": [{"path": "/dev/x", "hostPath": "/dev/y", "permissions": "r", "type": "c", "major": 1, "uid": 7},
                    {"path": "/dev/z"}],
    "mounts": [{"hostPath": "/lib/a", "containerPath": "/lib/b", "options": ["ro", "nosuid"]}],
    "hooks": [{"hookName": "createContainer", "path": "/bin/h", "args": ["h", "x"], "timeout": 3}],
    "additionalGids": [0, 44]})"));
  REQUIRE(file);
  const auto edits = choose_cdi_edits({"v.com/c=0"}, {{*file}});
  REQUIRE(edits);
  CHECK(edits->env == std::vector<std::string>{"ALL=1", "A=b"});
  CHECK(edits->devices == std::vector<DeviceSpec>{{"/dev/y", "/dev/x", "r"}, {"/dev/z", "/dev/z", "rwm"}});
  REQUIRE(edits->mounts.size() == 1);
  CHECK(edits->mounts[0].source == "/lib/a");
  CHECK(edits->mounts[0].options == std::vector<std::string>{"ro", "nosuid", "bind"});
  REQUIRE(edits->hooks.create_container.size() == 1);
  CHECK(edits->hooks.create_container[0].args == std::vector<std::string>{"h", "x"});
  CHECK(edits->groups == std::vector<uint32_t>{44});
}

TEST_CASE("an edit that is not known, or not possible, is refused with its place") {
  CHECK(error_of(R"({"netDevices": []})").find("'netDevices' is not supported") != std::string::npos);
  CHECK(error_of(R"({"intelRdt": {}})").find("'intelRdt'") != std::string::npos);
  CHECK(
      error_of(R"({"mounts": [{"hostPath": "x", "containerPath": "/y"}]})").find("hostPath is not an absolute path") !=
      std::string::npos);
  CHECK(error_of(R"({"mounts": [{"hostPath": "/x", "containerPath": "/y", "type": "tmpfs"}]})").find("'tmpfs'") !=
        std::string::npos);
  CHECK(error_of(R"({"env": ["A"]})").find("env is not") != std::string::npos);
  CHECK(error_of(R"({"hooks": [{"hookName": "other", "path": "/h"}]})").find("hookName") != std::string::npos);
  CHECK(error_of(R"({"hooks": [{"hookName": "poststop", "path": "h"}]})").find("path") != std::string::npos);
  CHECK(error_of(R"({"additionalGids": [-1]})").find("additionalGids") != std::string::npos);
  CHECK_FALSE(parse(R"({"cdiVersion": "2.0", "kind": "v/c"})"));
  CHECK_FALSE(parse(R"({"cdiVersion": "0.6.0", "kind": "c"})"));
}

TEST_CASE("files of devices are JSON or YAML, as their names say") {
  const test::TemporaryDir home;
  const auto write = [&](const char* name, const char* text) {
    REQUIRE(create_file(home.path() + "/" + name, text, 0600));
  };
  write("a.yaml", "cdiVersion: 0.6.0\nkind: v.com/y\ndevices:\n- name: '0'\n  containerEdits:\n    env: [A=b]\n");
  write("b.json", R"({"cdiVersion": "0.6.0", "kind": "v.com/j",
                               "devices": [{"name": "0", "containerEdits": {"env": ["B=c"]}}]})");
  write("c.yaml", "kind: &a [*a\n");
  write("d.yaml", "a: b\n---\nc: d\n");
  write("e.yml", "cdiVersion: 0.6.0\nkind: v.com/e\n");
  const auto& dir = home.path();
  const auto edits = find_cdi_edits({"v.com/y=0", "v.com/j=0"}, {dir});
  INFO((edits ? "" : edits.error().text()));
  REQUIRE(edits);
  CHECK(edits->env == std::vector<std::string>{"A=b", "B=c"});
  const auto missing = find_cdi_edits({"v.com/e=0"}, {dir});
  REQUIRE_FALSE(missing);
  const auto hint = missing.error().hint();
  CHECK(hint.find(dir + "/c.yaml:") != std::string::npos);
  CHECK(hint.find("d.yaml: has 2 documents, and one is read") != std::string::npos);
  CHECK(hint.find("e.yml' does not end in .json or .yaml") != std::string::npos);
}

TEST_CASE("of two files with a device the later directory counts, and of two in one directory neither") {
  const auto first = parse(file_with(R"({"env": ["A=1"]})"), "/etc/cdi/a.json");
  const auto second = parse(file_with(R"({"env": ["A=2"]})"), "/var/run/cdi/a.json");
  REQUIRE(first);
  REQUIRE(second);
  const auto later = choose_cdi_edits({"v.com/c=0", "v.com/c=0"}, {{*first}, {*second}});
  REQUIRE(later);
  // What all devices of a file need is given once.
  CHECK(later->env == std::vector<std::string>{"ALL=1", "A=2", "A=2"});
  const auto both = choose_cdi_edits({"v.com/c=0"}, {{*first, *second}});
  REQUIRE_FALSE(both);
  CHECK(both.error().code() == Errc::exists);
  const auto missing = choose_cdi_edits({"v.com/c=1"}, {{*first}});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code() == Errc::not_found);
}

}  // namespace ctr::engine
