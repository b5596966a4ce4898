#include "cli/args.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/commands/all.h"
#include "cli/dispatch.h"
#include "tests/catch.h"

namespace ctr::cli {
namespace {

using Words = std::vector<std::string>;

std::string error_of(const Command& command, const Words& words) {
  const auto args = parse_args(command, words);
  return args ? "no error" : args.error().text();
}

}  // namespace

TEST_CASE("options are read as podman reads them") {
  const auto args = parse_args(k_run_command, {"-it", "--rm", "-eA=1", "-e", "B=2", "-e=C", "--name=web",
                                               "--init=false", "image", "--rm=false", "-x"});
  REQUIRE(args);
  CHECK(args->flag("interactive"));
  CHECK(args->flag("tty"));
  CHECK(args->flag("rm"));
  CHECK(args->list("env") == Words{"A=1", "B=2", "C"});
  CHECK(args->text("name") == "web");
  CHECK_FALSE(args->flag("init", true));
  CHECK(args->words() == Words{"image", "--rm=false", "-x"});
}

TEST_CASE("a value may look like an option, be empty or hold anything") {
  const auto args = parse_args(k_run_command, {"--entrypoint", "--", "-w", "-x", "--user=", "--label", "[a,b]", "i"});
  REQUIRE(args);
  CHECK(args->text("entrypoint") == "--");
  CHECK(args->text("workdir") == "-x");
  CHECK(args->has("user"));
  CHECK(args->text("user", "other").empty());
  CHECK(args->list("label") == Words{"[a,b]"});
  CHECK(args->words() == Words{"i"});
}

TEST_CASE("the last of repeated values counts, and every one of a list") {
  const auto args = parse_args(k_stop_command, {"-t", "1", "c1", "--time=-1", "c2", "-f", "a=b", "-f", "c=d"});
  REQUIRE(args);
  CHECK(args->text("time") == "-1");
  CHECK(args->list("filter") == Words{"a=b", "c=d"});
  CHECK(args->words() == Words{"c1", "c2"});
}

TEST_CASE("two dashes end the options, a single one is a word") {
  const auto args = parse_args(k_rm_command, {"-f", "--", "-", "--all"});
  REQUIRE(args);
  CHECK(args->words() == Words{"-", "--all"});
  CHECK_FALSE(args->flag("all"));
}

TEST_CASE("second names of options mean the first") {
  CHECK(parse_args(k_run_command, {"--net", "host", "i"})->text("network") == "host");
  CHECK(parse_args(k_stop_command, {"--timeout", "3", "c"})->text("time") == "3");
  CHECK(parse_args(k_run_command, {"--timeout", "3", "i"})->text("timeout") == "3");
}

TEST_CASE("a wrong word is named") {
  CHECK(error_of(k_run_command, {"--nosuch", "i"}) == "unknown flag: --nosuch");
  CHECK(error_of(k_run_command, {"-iZ", "i"}) == "unknown shorthand flag: 'Z' in -iZ");
  CHECK(error_of(k_run_command, {"--name"}) == "flag needs an argument: --name");
  CHECK(error_of(k_run_command, {"-e"}) == "flag needs an argument: 'e' in -e");
  CHECK(error_of(k_run_command, {"--=x"}) == "bad flag syntax: --=x");
  CHECK(error_of(k_run_command, {"--rm=maybe", "i"}) ==
        "invalid argument \"maybe\" for \"--rm\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax");
  CHECK(error_of(k_run_command, {}) == "requires at least 1 arg(s), only received 0");
  CHECK(error_of(k_ps_command, {"x"}) == "`ctr ps` takes no arguments");
  CHECK(error_of(k_history_command, {"a", "b"}) == "accepts at most 1 arg(s), received 2");
}

TEST_CASE("podman's options of later versions are refused by name") {
  CHECK(error_of(k_push_command, {"--sign-by-sq-fingerprint=x", "i"}) ==
        "--sign-by-sq-fingerprint: Sequoia is not supported; use --sign-by and GnuPG");
}

TEST_CASE("commands are found by one word or two") {
  const auto name = [](const Words& words) {
    const auto found = find_command(words);
    return found.command == nullptr ? "none" : std::string(found.command->name) + " " + std::to_string(found.words);
  };
  CHECK(name({"run", "x"}) == "run 1");
  CHECK(name({"container", "ls", "-a"}) == "ps 2");
  CHECK(name({"image", "exists", "x"}) == "image exists 2");
  CHECK(name({"system", "info"}) == "info 2");
  CHECK(name({"image", "nosuch"}) == "none");
  CHECK(name({}) == "none");
}

TEST_CASE("option names and letters are unique in each command, help texts have no final period") {
  for (const auto* command : all_commands()) {
    INFO(command->name);
    CHECK(command->run != nullptr);
    Words seen;
    for (const auto group : command->options) {
      if (group == nullptr) continue;
      for (const auto& option : group()) {
        INFO(option.name);
        CHECK(std::find(seen.begin(), seen.end(), std::string(option.name)) == seen.end());
        seen.emplace_back(option.name);
        if (option.letter != 0) {
          CHECK(std::find(seen.begin(), seen.end(), std::string(1, option.letter)) == seen.end());
          seen.emplace_back(1, option.letter);
        }
        CHECK_FALSE(option.help.ends_with('.'));
        CHECK((option.kind == OptionSpec::Kind::flag) == option.value_name.empty());
      }
    }
  }
}

namespace {

std::string usage_of(const Words& words) {
  const auto line = parse_command_line("ctr", words);
  if (line) return "no error";
  return line.error().text() + "|" + line.error().hint();
}

}  // namespace

TEST_CASE("what is no command is said with podman's words") {
  CHECK(usage_of({"nosuch"}) == "unrecognized command `ctr nosuch`|Try 'ctr --help' for more information");
  CHECK(usage_of({"image", "nosuch"}) ==
        "unrecognized command `ctr image nosuch`|Try 'ctr image --help' for more information");
  CHECK(usage_of({}) == "missing command 'ctr COMMAND'|Try 'ctr --help' for more information");
  CHECK(usage_of({"image"}) == "missing command 'ctr image COMMAND'|Try 'ctr image --help' for more information");
  CHECK(usage_of({"run", "--nosuch"}) == "unknown flag: --nosuch|See 'ctr run --help'");
  CHECK(usage_of({"--nosuch", "ps"}) == "unknown flag: --nosuch|See 'ctr --help'");
  CHECK(usage_of({"unshare", "--rootless-netns"}) ==
        "--rootless-netns: there is no namespace that all networks share; each is one of its own|");
}

TEST_CASE("global options stand before the command or behind it") {
  for (const Words& words :
       {Words{"--root", "/r", "--log-level=debug", "ps"}, Words{"ps", "--root=/r", "--log-level", "debug"}}) {
    const auto line = parse_command_line("ctr", words);
    REQUIRE(line);
    CHECK(line->global.root == "/r");
    CHECK(line->global.debug);
    CHECK(line->command == &k_ps_command);
    CHECK(global_words(line->global) == Words{"--root=/r", "--log-level=debug"});
  }
  const auto run = parse_command_line("ctr", {"run", "i", "--root", "/x"});
  REQUIRE(run);
  CHECK(run->global.root.empty());
  CHECK(run->args.words() == Words{"i", "--root", "/x"});
}

TEST_CASE("global options of podman and docker have an effect or are refused by name") {
  CHECK(parse_command_line("docker", {"-D", "ps"})->global.debug);
  CHECK(parse_command_line("ctr", {"ps", "--debug"})->global.debug);
  CHECK(parse_command_line("ctr", {"--runtime", "crun", "run", "i"})->args.text("runtime") == "crun");
  CHECK(parse_command_line("ctr", {"--runtime", "crun", "create", "--runtime=ctr", "i"})->args.text("runtime") ==
        "ctr");
  CHECK(parse_command_line("ctr", {"--runtime", "crun", "ps"}));
  CHECK(usage_of({"-H", "tcp://x", "ps"}) == "-H: ctr works on this host only|");
  CHECK(usage_of({"--remote", "ps"}) == "--remote: ctr works on this host only|");
  CHECK(usage_of({"ps", "--url", "x"}) == "--url: ctr works on this host only|");
  CHECK(usage_of({"ps", "-H"}) == "unknown shorthand flag: 'H' in -H|See 'ctr ps --help'");
}

TEST_CASE("help is given wherever it is asked for") {
  CHECK(parse_command_line("ctr", {"--help"})->global.help);
  CHECK(parse_command_line("ctr", {"-h"})->global.help);
  CHECK(parse_command_line("ctr", {"help"})->global.help);
  CHECK(parse_command_line("ctr", {"run", "--help"})->command_help);
  CHECK(parse_command_line("ctr", {"run", "-it", "--help"})->command_help);
  CHECK(parse_command_line("ctr", {"ps", "-h"})->command_help);
  CHECK(parse_command_line("ctr", {"help", "run"})->command_help);
  CHECK(parse_command_line("ctr", {"image", "--help"})->group == "image");
  CHECK(parse_command_line("ctr", {"run", "-h", "box", "i"})->args.text("hostname") == "box");
  CHECK(parse_command_line("ctr", {"-v"})->global.version);
}

}  // namespace ctr::cli
