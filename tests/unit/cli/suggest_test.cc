#include "cli/suggest.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cli/dispatch.h"
#include "cli/nearest.h"
#include "cli/output.h"
#include "cli/refused.h"
#include "tests/catch.h"

namespace ctr::cli {
namespace {

using Words = std::vector<std::string>;
using Files = Suggestions::Files;

std::vector<Suggestion> names(Complete kind) {
  switch (kind) {
    case Complete::containers:
      return {{"web", "localhost/app:1"}, {"db", ""}, {"idle", ""}};
    case Complete::running:
      return {{"web", ""}, {"db", ""}};
    case Complete::stopped:
      return {{"idle", ""}};
    case Complete::images:
      return {{"localhost/app:1", ""}, {"docker.io/library/alpine:latest", ""}, {"localhost/$(id)", ""}};
    case Complete::volumes:
      return {{"data", ""}};
    case Complete::networks:
      return {{"back", ""}};
    case Complete::secrets:
      return {{"key", ""}};
    default:
      return {};
  }
}

Words offered(const Words& words) {
  Words out;
  for (const auto& suggestion : suggest(words, names).words) out.push_back(suggestion.word);
  return out;
}

bool has(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

TEST_CASE("commands are offered by their first and second words") {
  CHECK(has(offered({"ru"}), "run"));
  CHECK(has(offered({""}), "container"));
  CHECK_FALSE(has(offered({""}), "__commands"));
  CHECK(offered({"image", "exi"}) == Words{"exists"});
  CHECK(offered({"--root", "/x", "volume", "in"}) == Words{"inspect"});
  CHECK(offered({"help", "renam"}) == Words{"rename"});
  CHECK(offered({"nosuch", ""}).empty());
}

TEST_CASE("options are offered with what they are for, those of all commands too") {
  CHECK(offered({"container", "ls", "--no-"}) == Words{"--no-trunc"});
  CHECK(has(offered({"run", "-"}), "-v"));
  CHECK(has(offered({"ps", "--error"}), "--error-format"));
  CHECK(suggest(Words{"ps", "--noh"}, names).words == std::vector<Suggestion>{{"--noheading", "No headings"}});
}

TEST_CASE("names fit the verb, and those that were named are left out") {
  CHECK(offered({"stop", ""}) == Words{"db", "web"});
  CHECK(offered({"stop", "web", ""}) == Words{"db"});
  CHECK(offered({"start", ""}) == Words{"idle"});
  CHECK(offered({"rm", "-f", ""}) == Words{"db", "idle", "web"});
  CHECK(offered({"volume", "rm", ""}) == Words{"data"});
  CHECK(has(offered({"port", ""}), "add"));
  CHECK(has(offered({"port", ""}), "web"));
  CHECK(has(offered({"port", "add", ""}), "web"));
  CHECK(!has(offered({"port", "add", ""}), "rm"));
  CHECK(offered({"secret", "inspect", "k"}) == Words{"key"});
  CHECK(offered({"inspect", "w"}) == Words{"web"});
  CHECK(offered({"rename", "web", ""}).empty());
}

TEST_CASE("an image is found by the last part of its name too") {
  CHECK(offered({"run", "--rm", "local"}) == Words{"localhost/app:1"});
  CHECK(offered({"run", "-it", "alp"}) == Words{"alpine:latest"});
  const auto behind = suggest(Words{"run", "alpine", "-"}, names);
  CHECK(behind.words.empty());
  CHECK(behind.files == Files::any);
}

TEST_CASE("values of options are offered, behind a blank, an equals sign or the letter") {
  CHECK(offered({"run", "--pull", ""}) == Words{"always", "missing", "never", "newer"});
  CHECK(offered({"run", "--pull=ne"}) == Words{"never", "newer"});
  CHECK(offered({"run", "--cap-add", "CAP_CHO"}) == Words{"CAP_CHOWN"});
  CHECK(offered({"run", "--secret", ""}) == Words{"key"});
  CHECK(offered({"run", "--network", "container:d"}) == Words{"container:db"});
  CHECK(offered({"run", "--network", "ba"}) == Words{"back"});
  CHECK(offered({"network", "ls", "-f", "name="}) == Words{"name=back"});
  CHECK(offered({"ps", "--filter", "status=e"}) == Words{"status=exited"});
  CHECK(offered({"ps", "-af", "ancestor=loc"}) == Words{"ancestor=localhost/app:1"});
  CHECK(offered({"volume", "ls", "-f", "name="}) == Words{"name=data"});
  CHECK(offered({"--log-level", "de"}) == Words{"debug"});
  const auto key = suggest(Words{"ps", "--filter", "stat"}, names);
  CHECK(key.open);
  CHECK(suggest(Words{"run", "--env-file", ""}, names).files == Files::any);
  CHECK(suggest(Words{"run", "--cert-dir="}, names).files == Files::directories);
  const auto volume = suggest(Words{"run", "-v", "da"}, names);
  CHECK(volume.words == std::vector<Suggestion>{{"data:", ""}});
  CHECK(volume.open);
}

TEST_CASE("the answer to a shell ends with what it may add") {
  Suggestions suggestions;
  suggestions.words = {{"web", "an\nimage"}, {"db", ""}};
  CHECK(suggestion_lines(suggestions, Descriptions::yes) == "web\tan\\x0aimage\ndb\n:4\n");
  suggestions.files = Files::any;
  suggestions.open = true;
  CHECK(suggestion_lines(suggestions, Descriptions::no) == "web\ndb\n:2\n");
}

TEST_CASE("a word that is nearly right is recognised, one that is far away is not") {
  constexpr std::string_view known[] = {"volume", "volumes-from", "name", "network", "ps"};
  CHECK(nearest_word("volum", known) == "volume");
  CHECK(nearest_word("nmae", known) == "name");
  CHECK(nearest_word("netwrok", known) == "network");
  CHECK(nearest_word("nosuch", known).empty());
  CHECK(nearest_word("x", known).empty());
  CHECK(distance("kitten", "sitting") == 3);
}

TEST_CASE("what is refused by name is no command") {
  for (const auto* command : all_commands()) {
    const auto blank = command->name.find(' ');
    Words words = {std::string(command->name.substr(0, blank))};
    if (blank != std::string_view::npos) words.emplace_back(command->name.substr(blank + 1));
    INFO(command->name);
    CHECK_FALSE(find_refused_command(words));
  }
  CHECK(find_refused_command(Words{"compose", "up"})->name == "compose");
  CHECK(find_refused_command(Words{"image", "build"})->name == "image build");
  CHECK(find_refused_command(Words{"generate", "systemd", "web"})->name == "generate systemd");
}

TEST_CASE("--error-format is found in words that could not be understood") {
  CHECK(asked_error_format({"--error-format=json", "--nosuch"}) == "json");
  CHECK(asked_error_format({"run", "--nosuch", "--error-format", "json"}) == "json");
  CHECK(asked_error_format({"run", "--name", "--error-format=x", "--error-format=json"}) == "json");
  CHECK(asked_error_format({"run", "--nosuch", "image", "--error-format=json"}).empty());
  CHECK(asked_error_format({"ps", "--nosuch", "--", "--error-format=json"}).empty());
  CHECK(asked_error_format({"rm", "--nosuch", "a", "--error-format=json"}) == "json");
}

TEST_CASE("an error is one document for programs") {
  const auto error = Error(Errc::not_found, "no such thing").with_sys(2).context("open 'x'").with_hint("make it");
  CHECK(
      dump_json(error_document(error, 1)) ==
      R"({"level":"error","code":"not_found","message":"open 'x': no such thing","causes":["open 'x'","no such thing"],)"
      R"("hint":"make it","errno":2,"exitCode":1})");
}

}  // namespace ctr::cli
