#include "cli/template/template.h"

#include <string>

#include "base/json.h"
#include "cli/template/functions.h"
#include "tests/catch.h"

namespace ctr::cli {
namespace {

TemplateTypes ps_types() {
  return {.root = "containers.psReporter",
          .maps = {"Labels", "Ports", "Networks"},
          .aliases = {{"Healthcheck", "Health"}},
          .nested = {{"State", "*define.InspectContainerState"}},
          .methods = {{"Label", "Labels"}}};
}

std::string render(const std::string& source, const std::string& document, const TemplateTypes& types = ps_types()) {
  const auto data = parse_json(document, "test");
  if (!data) return "bad test document: " + data.error().text();
  const auto parsed = Template::parse("ps", source);
  if (!parsed) return parsed.error().text();
  std::string out;
  const auto done = parsed->execute(*data, types, out);
  return done ? out : done.error().text();
}

}  // namespace

TEST_CASE("text and fields are printed in order") {
  CHECK(render("a {{.Name}} b", R"({"Name":"web"})") == "a web b");
  CHECK(render("{{.State.Pid}}", R"({"State":{"Pid":12}})") == "12");
  CHECK(render("{{.}}", R"("x")") == "x");
}

TEST_CASE("values print as Go prints them") {
  CHECK(render("{{.Labels}}", R"({"Labels":{"b":"2","a":"1"}})") == "map[a:1 b:2]");
  CHECK(render("{{.Names}}", R"({"Names":["a","b"]})") == "[a b]");
  CHECK(render("{{.Names}}", R"({"Names":[]})") == "[]");
  CHECK(render("{{.Running}} {{.Pid}}", R"({"Running":true,"Pid":-3})") == "true -3");
  CHECK(render("{{.X}}", R"({"X":null})") == "<nil>");
  CHECK(render("{{.State}}", R"({"State":{"A":"x","B":2}})") == "{x 2}");
  CHECK(render("{{.F}} {{.G}}", R"({"F":2.5,"G":1e25})") == "2.5 1e+25");
  CHECK(render("{{.Ports}}", R"({"Ports":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]}})") == "map[80/tcp:[{ 8080}]]");
}

TEST_CASE("a missing key of a map has no value, a missing field of a struct is an error") {
  CHECK(render("{{.Labels.nosuch}}", R"({"Labels":{"a":"1"}})") == "<no value>");
  CHECK(render("{{.Labels.nosuch.deeper}}", R"({"Labels":{"a":"1"}})") == "<no value>");
  CHECK(render("{{range .}}{{.NoSuch}}{{end}}", R"([{"ID":"1"}])") ==
        "template: ps:1:13: executing \"ps\" at <.NoSuch>: can't evaluate field NoSuch in type containers.psReporter");
  CHECK(render("{{.State.NoSuch}}", R"({"State":{"Pid":1}})") ==
        "template: ps:1:8: executing \"ps\" at <.State.NoSuch>: can't evaluate field NoSuch in type "
        "*define.InspectContainerState");
  CHECK(render("{{.ID.Deep}}", R"({"ID":"x"})") ==
        "template: ps:1:5: executing \"ps\" at <.ID.Deep>: can't evaluate field Deep in type string");
}

TEST_CASE("Go's spelling of a field finds the JSON member") {
  CHECK(render("{{.ID}}", R"({"Id":"abc"})") == "abc");
  CHECK(render("{{.Host.RemoteSocket.Path}}", R"({"host":{"remoteSocket":{"path":"/x"}}})") == "/x");
  CHECK(render("{{.State.Healthcheck}}", R"({"State":{"Health":"ok"}})") == "ok");
}

TEST_CASE("index, len and slice work on lists, maps and text") {
  CHECK(render(R"({{index .Labels "k"}})", R"({"Labels":{"k":"v"}})") == "v");
  CHECK(render(R"({{index .Labels "x"}})", R"({"Labels":{"k":"v"}})").empty());
  CHECK(render(R"({{(index (index .Ports "80/tcp") 0).HostPort}})", R"({"Ports":{"80/tcp":[{"HostPort":"81"}]}})") ==
        "81");
  CHECK(render("{{len .Names}}", R"({"Names":["a","b"]})") == "2");
  CHECK(render("{{slice .ID 0 3}}{{slice .ID 4}}", R"({"ID":"abcdef"})") == "abcef");
  CHECK(render("{{slice .L 1}}", R"({"L":["a","b","c"]})") == "[b c]");
  CHECK(render("{{index .L 5}}", R"({"L":["a"]})") ==
        "template: ps:1:2: executing \"ps\" at <index>: error calling index: index out of range: 5");
}

TEST_CASE("if, else if, with and range choose their branches") {
  const std::string chain = "{{if .A}}a{{else if .B}}b{{else}}c{{end}}";
  CHECK(render(chain, R"({"A":true,"B":true})") == "a");
  CHECK(render(chain, R"({"A":0,"B":"x"})") == "b");
  CHECK(render(chain, R"({"A":"","B":[]})") == "c");
  CHECK(render("{{with .S}}{{.X}}{{else}}none{{end}}", R"({"S":{"X":1}})") == "1");
  CHECK(render("{{with .S}}{{.X}}{{else with .T}}{{.Y}}{{end}}", R"({"S":null,"T":{"Y":2}})") == "2");
  CHECK(render("{{range .L}}<{{.}}>{{else}}empty{{end}}", R"({"L":[1,2]})") == "<1><2>");
  CHECK(render("{{range .L}}<{{.}}>{{else}}empty{{end}}", R"({"L":[]})") == "empty");
  CHECK(render("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", R"({"Labels":{"b":"2","a":"1"}})") == "a=1;b=2;");
  CHECK(render("{{range $i, $v := .L}}{{if $i}},{{end}}{{$v}}{{end}}", R"({"L":["x","y"]})") == "x,y");
  CHECK(render("{{range .L}}{{if eq . 2}}{{continue}}{{end}}{{if eq . 4}}{{break}}{{end}}{{.}}{{end}}",
               R"({"L":[1,2,3,4,5]})") == "13");
  CHECK(render("{{range 3}}{{.}}{{end}}", "{}") == "012");
}

TEST_CASE("variables keep their values and can be assigned") {
  CHECK(render("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "{}") == "2");
  CHECK(render("{{with $x := .A}}{{$x}}{{$.B}}{{end}}", R"({"A":1,"B":2})") == "12");
  CHECK(render("{{$x}}", "{}") == "template: ps:1: undefined variable \"$x\"");
  CHECK(render("{{if true}}{{$x := 1}}{{end}}{{$x}}", "{}") == "template: ps:1: undefined variable \"$x\"");
}

TEST_CASE("pipelines pass their value as the last argument") {
  CHECK(render("{{.Name | upper}}", R"({"Name":"web"})") == "WEB");
  CHECK(render(R"({{.Name | printf "%s-%s" "a"}})", R"({"Name":"web"})") == "a-web");
  CHECK(render(R"({{join .Names ", "}})", R"({"Names":["a","b"]})") == "a, b");
  CHECK(render(R"({{(split .X "/") | len}})", R"({"X":"a/b/c"})") == "3");
}

TEST_CASE("comparison follows Go's kinds") {
  CHECK(render(R"({{eq .A "x" "y"}}{{ne .A "y"}}{{lt 1 2}}{{ge 2 2}}{{gt 1 2}}{{le "a" "b"}})", R"({"A":"y"})") ==
        "truefalsetruetruefalsetrue");
  CHECK(render(R"({{eq .A 1}})", R"({"A":"1"})") ==
        "template: ps:1:2: executing \"ps\" at <eq>: error calling eq: incompatible types for comparison");
  CHECK(render("{{and true 0 .Boom}}{{or 0 \"x\" .Boom}}{{not 0}}", "{}") == "0xtrue");
}

TEST_CASE("podman's own functions change text") {
  CHECK(render("{{json .}}", R"({"A":["<x>"],"B":1.5})") == R"({"A":["<x>"],"B":1.5})");
  CHECK(render("{{lower .X}} {{title .X}}", R"({"X":"hi there"})") == "hi there Hi There");
  CHECK(render("[{{pad .X 1 2}}] {{truncate .X 3}}", R"({"X":"abcd"})") == "[ abcd  ] abc");
  CHECK(render(R"({{html "<a&b>"}} {{urlquery "a b/c"}} {{js "it's"}})", "{}") == R"(&lt;a&amp;b&gt; a+b%2Fc it\'s)");
  CHECK(render(R"({{print "a" 1 2 "b"}}|{{println 1 "x"}})", "{}") == "a1 2b|1 x\n");
}

TEST_CASE("printf knows Go's verbs, widths and complaints") {
  const auto one = [](const std::string& format, Json value) {
    const TemplateValue args[] = {{&value, false, {}}};
    return sprintf_go(format, args);
  };
  CHECK(one("%5d|", 42) == "   42|");
  CHECK(one("%-5d|", 42) == "42   |");
  CHECK(one("%05d", -42) == "-0042");
  CHECK(one("%+d", 42) == "+42");
  CHECK(one("%x %[", 255) == "ff %![(MISSING)");
  CHECK(one("%.3s", "abcdef") == "abc");
  CHECK(one("%q", "a\"b\n") == R"("a\"b\n")");
  CHECK(one("%.2f", 3.14159) == "3.14");
  CHECK(one("%v%%", true) == "true%");
  CHECK(one("%d", "hi") == "%!d(string=hi)");
  CHECK(one("%s", 3) == "%!s(int=3)");
  CHECK(one("none", 3) == "none%!(EXTRA int=3)");
  CHECK(one("%T", "x") == "string");
  CHECK(sprintf_go("%s", {}) == "%!s(MISSING)");
}

TEST_CASE("trim markers eat the blanks beside them and comments vanish") {
  CHECK(render("a  {{- .X -}}  b", R"({"X":1})") == "a1b");
  CHECK(render("a\n{{- /* note */ -}}\nb", "{}") == "ab");
  CHECK(render("a{{/* note */}}b", "{}") == "ab");
  CHECK(render("{{-3}}", "{}") == "-3");
}

TEST_CASE("templates are defined, blocked and called") {
  CHECK(render(R"({{define "t"}}<{{.}}>{{end}}{{template "t" .A}})", R"({"A":1})") == "<1>");
  CHECK(render(R"({{block "b" .A}}[{{.}}]{{end}})", R"({"A":2})") == "[2]");
  CHECK(render(R"({{template "no"}})", "{}") ==
        "template: ps:1:11: executing \"ps\" at <{{template \"no\"}}>: template \"no\" not defined");
}

TEST_CASE("a method takes its key from the arguments") {
  CHECK(render(R"({{.Label "k"}}|{{.Label "x"}})", R"({"Labels":{"k":"v"}})") == "v|");
  CHECK(render(R"({{range .}}{{.Label "k"}} {{end}})", R"([{"Labels":{"k":"v"}},{"Labels":{}}])") == "v  ");
}

TEST_CASE("mistakes are reported in Go's words") {
  CHECK(render("{{.A", "{}") == "template: ps:1: unclosed action");
  CHECK(render("{{if .A}}x", "{}") == "template: ps:1: unexpected EOF");
  CHECK(render("{{end}}", "{}") == "template: ps:1: unexpected {{end}}");
  CHECK(render("{{nosuch .A}}", "{}") == "template: ps:1: function \"nosuch\" not defined");
  CHECK(render("{{}}", "{}") == "template: ps:1: missing value for command");
  CHECK(render("{{\"a}}", "{}") == "template: ps:1: unterminated quoted string");
  CHECK(render("{{.A {", "{}") == "template: ps:1: unclosed action");
  CHECK(render("{{.A {}}", "{}") == "template: ps:1: unexpected \"{\" in operand");
  CHECK(render("{{{}}", "{}") == "template: ps:1: unexpected \"{\" in command");
  CHECK(render("{{if}}{{end}}", "{}") == "template: ps:1: missing value for if");
  CHECK(render("{{.A | }}", "{}") == "template: ps:1: missing value for command");
  CHECK(render("{{(.A}}", "{}") == "template: ps:1: unclosed left paren");
  CHECK(render("\n\n{{break}}", "{}") == "template: ps:3: {{break}} outside {{range}}");
  CHECK(render("{{.A 1}}", R"({"A":"x"})") ==
        "template: ps:1:2: executing \"ps\" at <.A>: A has arguments but cannot be invoked as function");
  CHECK(render("{{range .A}}{{end}}", R"({"A":true})") ==
        "template: ps:1:8: executing \"ps\" at <.A>: range can't iterate over true");
}

TEST_CASE("a template that calls itself without end is stopped") {
  const auto text = render(R"({{define "r"}}{{template "r"}}{{end}}{{template "r"}})", "{}");
  CHECK(text.find("exceeded maximum template depth") != std::string::npos);
}

TEST_CASE("deep nesting is refused, not followed") {
  std::string source = "{{";
  for (int i = 0; i < 5000; ++i) source += '(';
  source += '1';
  for (int i = 0; i < 5000; ++i) source += ')';
  CHECK(render(source + "}}", "{}").find("nested too deeply") != std::string::npos);
}

}  // namespace ctr::cli
