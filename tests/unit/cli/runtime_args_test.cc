// The dialect of crun and runc.
#include <array>

#include "cli/runtime/args.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::cli;
using namespace ctr::cli::runtime;

namespace {

constexpr std::array k_options = {
    value("bundle", 'b', "DIR", "x"),
    flag("detach", 'd', "x"),
    list("env", 'e', "ENV", "x"),
    flag("tty", 't', "x"),
};

Result<RuntimeArgs> parse(const std::vector<std::string>& words, Trailing trailing = Trailing::options) {
  return parse_runtime_args(k_options, words, trailing);
}

std::string error_of(const std::vector<std::string>& words) {
  const auto args = parse(words);
  return args ? "" : args.error().text();
}

}  // namespace

TEST_CASE("options stand before and behind the words") {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"c", "--bundle", "/x"}, {"--bundle=/x", "c"}, {"-b", "/x", "c"}, {"c", "-b/x"}, {"-b=/x", "c"}}) {
    const auto args = parse(words);
    REQUIRE(args);
    CHECK(args->text("bundle") == "/x");
    CHECK(args->words() == std::vector<std::string>{"c"});
  }
}

TEST_CASE("short flags are written together, and flags can be false") {
  CHECK(parse({"-dt"})->flag("detach"));
  CHECK(parse({"-dt"})->flag("tty"));
  CHECK(parse({"-tb", "/x"})->text("bundle") == "/x");
  CHECK_FALSE(parse({"--tty=false"})->flag("tty"));
  CHECK(parse({"--tty=true"})->flag("tty"));
}

TEST_CASE("a list keeps every value") {
  CHECK(parse({"-e", "A=1", "--env=B=2"})->list("env") == std::vector<std::string>{"A=1", "B=2"});
}

TEST_CASE("two dashes end the options") {
  CHECK(parse({"--", "-d", "--tty"})->words() == std::vector<std::string>{"-d", "--tty"});
}

TEST_CASE("a single dash is a word") { CHECK(parse({"-"})->words() == std::vector<std::string>{"-"}); }

TEST_CASE("words of a command are not looked at") {
  const auto args = parse({"-t", "c", "sh", "-d", "--", "--env"}, Trailing::command);
  REQUIRE(args);
  CHECK(args->words() == std::vector<std::string>{"c", "sh", "-d", "--", "--env"});
  CHECK(args->flag("tty"));
  CHECK_FALSE(args->flag("detach"));
}

TEST_CASE("what is wrong is named") {
  CHECK(error_of({"--nosuch"}) == "unknown option '--nosuch'");
  CHECK(error_of({"-dx"}) == "unknown option '-x'");
  CHECK(error_of({"--bundle"}) == "option '--bundle' needs a value");
  CHECK(error_of({"-b"}) == "option '-b' needs a value");
  CHECK(error_of({"--tty=maybe"}) == "option '--tty' is true or false, not 'maybe'");
}
