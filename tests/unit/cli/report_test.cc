#include "cli/report.h"

#include <string>

#include "cli/command.h"
#include "cli/completion.h"
#include "cli/container_view.h"
#include "cli/help.h"
#include "cli/image_view.h"
#include "cli/inspect_view.h"
#include "cli/progress_view.h"
#include "cli/table.h"
#include "cli/yaml.h"
#include "tests/catch.h"

namespace ctr::cli {
namespace {

const TimePoint k_noon = from_unix_seconds(1'800'000'000);

engine::ContainerInfo container(const std::string& name, engine::ContainerState state) {
  engine::ContainerInfo info;
  info.id.hex = std::string(60, 'a') + "beef";
  info.name = name;
  info.image_name = "docker.io/library/busybox:latest";
  info.image_id = std::string(64, 'c');
  info.argv = {"sleep", "100000000000000"};
  info.created = k_noon - std::chrono::hours(2);
  info.state = state;
  info.exit_code = 137;
  info.started = k_noon - std::chrono::minutes(5);
  info.finished = k_noon - std::chrono::seconds(3);
  info.spec.labels = {{"a", "1"}};
  return info;
}

Json rows_of(const engine::ContainerInfo& info, std::span<const std::string> columns = {}) {
  return Json::array().push(PsRows({}, k_noon, columns).row({&info, {}}));
}

std::string formatted(const std::string& format, const engine::ContainerInfo& entry) {
  const auto text = print_format(ps_listing({}), format, rows_of(entry), Heading::yes);
  return text ? *text : text.error().text();
}

}  // namespace

TEST_CASE("columns are twelve wide with two blanks between, the last one ragged") {
  CHECK(align_tabs("A\tB\na-long-cell-here\tx\n") == "A                 B\na-long-cell-here  x\n");
  CHECK(align_tabs("ID\tNAME\tX\n") == "ID          NAME        X\n");
  CHECK(align_tabs("a\tb\n\tc\n") == "a           b\n            c\n");
  CHECK(align_tabs("über\tx\nuber\tx\n") == "über        x\nuber        x\n");
}

TEST_CASE("the table of ps is podman's") {
  const auto entry = container("web", engine::ContainerState::running);
  CHECK(print_table(ps_listing({}), rows_of(entry), Heading::yes) ==
        "CONTAINER ID  IMAGE                             COMMAND               CREATED      STATUS        PORTS       "
        "NAMES\n"
        "aaaaaaaaaaaa  docker.io/library/busybox:latest  sleep 10000000000...  2 hours ago  Up 5 minutes              "
        "web\n");
  CHECK(print_table(ps_listing({}), Json::array(), Heading::yes) ==
        "CONTAINER ID  IMAGE       COMMAND     CREATED     STATUS      PORTS       NAMES\n");
  CHECK(print_table(ps_listing({}), Json::array(), Heading::no).empty());
}

TEST_CASE("rows of a table can be put into another order, below their heading") {
  Listing listing;
  listing.columns = {"ID", "Names"};
  for (const Heading heading : {Heading::yes, Heading::no}) {
    ListingTable table(listing, heading);
    for (const char* word : {"a", "thirteen-long", "c"}) table.add_row([&](size_t) { return Json(word); });
    const std::string line = heading == Heading::yes ? "ID             NAMES\n" : "";
    CHECK(table.text({2, 0}) == line + "c              c\na              a\n");
    CHECK(table.text({}) == line);
  }
}

TEST_CASE("rows have the fields that are shown, in their order") {
  const auto entry = container("web", engine::ContainerState::running);
  const std::vector<std::string> columns = {"Names", "ID"};
  CHECK(dump_json(rows_of(entry, columns)) == R"([{"Names":"web","ID":"aaaaaaaaaaaa"}])");
}

TEST_CASE("states read as podman's") {
  CHECK(container_status(container("x", engine::ContainerState::exited), k_noon) == "Exited (137) 3 seconds ago");
  CHECK(container_status(container("x", engine::ContainerState::created), k_noon) == "Created");
}

TEST_CASE("formats print one line a container, headings only with table") {
  const auto entry = container("web", engine::ContainerState::running);
  CHECK(formatted("{{.Names}}: {{.State}}", entry) == "web: running\n");
  CHECK(formatted("{{.ID}}\\t{{.Label \"a\"}}", entry) == "aaaaaaaaaaaa\t1\n");
  CHECK(formatted("table {{.ID}}\\t{{.Names}}", entry) == "CONTAINER ID  NAMES\naaaaaaaaaaaa  web\n");
  CHECK(formatted("table {{.Names}} {{.Status}}", entry) == "NAMES       STATUS\nweb         Up 5 minutes\n");
  CHECK(formatted("{{range .}}{{.Names}} {{end}}", entry) == "web \n");
  CHECK(formatted("{{ range . }}{{.Names}} {{end}}", entry) == "web \n");
  CHECK(formatted("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", entry) == "a=1;\n");
  CHECK(formatted("{{.Labels}}", entry) == "map[a:1]\n");
  CHECK(formatted("{{.NoSuch}}", entry) ==
        "template: ps:1:13: executing \"ps\" at <.NoSuch>: can't evaluate field NoSuch in type containers.psReporter");
  CHECK(formatted("{{printf \"%s\\n\" .Names}}", entry) == "web\n");
}

TEST_CASE("headings come from the words of a field") {
  CHECK(heading_of("CreatedBy") == "CREATED BY");
  CHECK(heading_of("ID") == "ID");
  CHECK(heading_of("ImageID") == "IMAGE ID");
  CHECK(heading_of("RepoTags") == "REPO TAGS");
}

TEST_CASE("control characters of others never reach the terminal") {
  auto entry = container("web", engine::ContainerState::running);
  entry.argv = {"\x1b[2Jx"};
  CHECK(print_table(ps_listing({}), rows_of(entry), Heading::no).find('\x1b') == std::string::npos);
}

TEST_CASE("the JSON of ps has podman's fields") {
  const auto info = container("web", engine::ContainerState::running);
  const Json json = ps_json({&info, {}}, {}, k_noon);
  for (const char* field : {"AutoRemove", "Command",      "Created",    "CreatedAt", "CIDFile", "Exited",  "ExitedAt",
                            "ExitCode",   "ExposedPorts", "Id",         "Image",     "ImageID", "IsInfra", "Labels",
                            "Mounts",     "Names",        "Namespaces", "Networks",  "Pid",     "Pod",     "PodName",
                            "Ports",      "Restarts",     "Size",       "StartedAt", "State",   "Status"}) {
    INFO(field);
    CHECK(json.find(field) != nullptr);
  }
  CHECK(json.find("Created")->as_int() == 1'800'000'000 - 7200);
}

TEST_CASE("an inspected document is printed with five blanks or through a template") {
  Json documents = Json::array();
  documents.push(Json::object().set("Id", "x").set("State", Json::object().set("Status", "running")));
  const auto listing = container_inspect_listing();
  CHECK(*print_documents(listing, documents, "") ==
        "[\n     {\n          \"Id\": \"x\",\n          \"State\": {\n               \"Status\": \"running\"\n         "
        " }\n     "
        "}\n]\n");
  CHECK(*print_documents(listing, documents, "{{.ID}} {{.State.Status}}") == "x running\n");
  CHECK(*print_documents(listing, documents, "{{json .State}}") == "{\"Status\":\"running\"}\n");
  CHECK(*print_documents(listing, Json::array(), "") == "[]\n");
  CHECK(print_documents(listing, documents, "{{.State.Bogus}}")
            .error()
            .text()
            .find("can't evaluate field Bogus in type *define.InspectContainerState") != std::string::npos);
}

TEST_CASE("JSON reads as YAML") {
  Json host = Json::object();
  host.set("arch", "amd64").set("version", "2").set("list", Json::strings({"a", "b: c"})).set("none", Json::array());
  host.set("maps", Json::Array{Json::object().set("id", 0).set("size", 1), Json::object().set("id", 1)});
  Json root = Json::object();
  root.set("host", host).set("on", true).set("nothing", nullptr);
  CHECK(to_yaml(root) ==
        "host:\n  arch: amd64\n  list:\n  - a\n  - \"b: c\"\n  maps:\n  - id: 0\n    size: 1\n  - id: 1\n  none: []\n  "
        "version: \"2\"\nnothing: null\n\"on\": true\n");
}

TEST_CASE("transfers print podman's lines where stderr is no terminal") {
  std::string out;
  PlainProgress plain([&](std::string_view text) { out += text; });
  plain.trying("localhost:5000/a:1");
  plain.blob_started("sha256:11", ProgressSink::BlobKind::layer, 10, ProgressSink::Skip::no);
  plain.blob_started("sha256:22", ProgressSink::BlobKind::layer, 10, ProgressSink::Skip::already_exists);
  plain.blob_done("sha256:11");
  plain.blob_started("sha256:33", ProgressSink::BlobKind::config, 5, ProgressSink::Skip::no);
  plain.blob_done("sha256:33");
  plain.writing_manifest();
  CHECK(out ==
        "Trying to pull localhost:5000/a:1...\nGetting image source signatures\nCopying blob sha256:11\n"
        "Copying blob sha256:22 skipped: already exists\nCopying blob sha256:11 done\nCopying config sha256:33\n"
        "Copying config sha256:33 done\nWriting manifest to image destination\n");
}

TEST_CASE("bars are redrawn in place and never wrap") {
  std::string out;
  std::chrono::steady_clock::time_point clock{};
  BarProgress bars([&](std::string_view text) { out += text; }, [&] { return clock; },
                   [] { return ScreenSize{80, 24}; });
  bars.blob_started("sha256:1111111111111111", ProgressSink::BlobKind::layer, 2'000'000, ProgressSink::Skip::no);
  bars.blob_advanced("sha256:1111111111111111", 500'000);
  CHECK(out.find("500 kB") == std::string::npos);  // too soon after the last drawing
  clock += std::chrono::seconds(1);
  bars.blob_advanced("sha256:1111111111111111", 1'000'000);
  CHECK(out.find("\x1b[1A") != std::string::npos);
  CHECK(out.find("[============            ] 1 MB / 2 MB") != std::string::npos);
  out.clear();
  bars.blob_done("sha256:1111111111111111");
  CHECK(out == "\x1b[1A\rlayer  111111111111 2 MB  done\x1b[K\n");
}

TEST_CASE("no more bars are drawn than the screen has rows") {
  std::string out;
  BarProgress bars([&](std::string_view text) { out = text; }, [] { return std::chrono::steady_clock::time_point{}; },
                   [] { return ScreenSize{30, 3}; });
  for (const char* blob : {"sha256:1", "sha256:2", "sha256:3", "sha256:4"}) {
    bars.blob_started(blob, ProgressSink::BlobKind::layer, 1000, ProgressSink::Skip::no);
  }
  CHECK(out == "\x1b[2A\rlayer  1 0 B / 1 kB\x1b[K\nand 3 more\x1b[K\n");
  bars.blob_done("sha256:2");
  bars.blob_done("sha256:3");
  CHECK(out == "\x1b[2A\rlayer  3 1 kB  done\x1b[K\nlayer  1 0 B / 1 kB\x1b[K\nlayer  4 0 B / 1 kB\x1b[K\n");
  bars.blob_done("sha256:1");
  bars.blob_done("sha256:4");
  CHECK(out == "\x1b[1A\rlayer  4 1 kB  done\x1b[K\n");
}

TEST_CASE("templates of inspect see what JSON leaves out, as in Go") {
  const auto image = Json::array().push(
      Json::object()
          .set("Created", "2024-01-02T03:04:05.000000006Z")
          .set("Config", Json::object().set("Cmd", Json::strings({"sh"})))
          .set("Labels", nullptr)
          .set("History", Json::array().push(Json::object().set("created", "2024-01-02T03:04:05Z"))));
  const auto show = [&](const Listing& listing, const Json& document, std::string_view format) {
    const auto text = print_documents(listing, document, format);
    return text ? *text : text.error().message();
  };
  const auto images = image_inspect_listing();
  CHECK(show(images, image, "{{.Config.Env}} {{.Config.Entrypoint}} {{.Config.Cmd}} [{{.Config.User}}]") ==
        "[] [] [sh] []\n");
  CHECK(
      show(images, image, "{{.Config.Labels}} {{.Labels}} {{index .Labels \"k\"}} {{len .Labels}} {{.HealthCheck}}") ==
      "map[] map[]  0 <nil>\n");
  CHECK(show(images, image, "{{.Created}}{{range .History}} {{.Created}}{{.Author}}{{end}}") ==
        "2024-01-02 03:04:05.000000006 +0000 UTC 2024-01-02 03:04:05 +0000 UTC\n");
  CHECK(show(images, image, "{{json .Created}} {{json .Labels}} {{json .Config}}") ==
        "\"2024-01-02T03:04:05.000000006Z\" null {\"Cmd\":[\"sh\"]}\n");
  CHECK(show(images, image, "{{if .Config.Entrypoint}}yes{{else}}no{{end}} {{.Labels.k}}") == "no <no value>\n");
  CHECK(show(images, image, "{{.Config.Nosuch}}").find("can't evaluate field Nosuch") != std::string::npos);
  const auto container = Json::array().push(Json::object()
                                                .set("State", Json::object().set("StartedAt", "0001-01-01T00:00:00Z"))
                                                .set("Config", Json::object().set("Labels", nullptr)));
  CHECK(show(container_inspect_listing(), container,
             "{{.SizeRootFs}} {{.State.StartedAt}} {{.Config.Healthcheck}} [{{.Config.Timezone}}] "
             "{{index .Config.Labels \"k\"}}|{{range $k, $v := .Config.Labels}}x{{end}}") ==
        "0 0001-01-01 00:00:00 +0000 UTC <nil> [] |\n");
}

TEST_CASE("help names every visible command and option") {
  const std::string text = program_help("ctr");
  const std::string listing = command_listing();
  for (const auto* command : all_commands()) {
    if (command->hidden) continue;
    CHECK(text.find("  " + std::string(command->name) + " ") != std::string::npos);
    CHECK(listing.find(std::string(command->name)) != std::string::npos);
  }
  CHECK(listing.find("__commands") == std::string::npos);
  CHECK(group_help("ctr", "image").find("  exists") != std::string::npos);
}

TEST_CASE("completion scripts exist for three shells and any name of the program") {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = completion_script(shell, "docker", Descriptions::yes);
    REQUIRE(script);
    CHECK(script->find("docker") != std::string::npos);
    CHECK(script->find(" __complete ") != std::string::npos);
    CHECK(script->find("PROGRAM") == std::string::npos);
    CHECK(completion_script(shell, "ctr", Descriptions::no)->find(" __completeNoDesc ") != std::string::npos);
  }
  CHECK(completion_script("tcsh", "ctr", Descriptions::yes).error().text() ==
        "no completion for 'tcsh': choose from bash, fish, zsh");
}

}  // namespace ctr::cli
