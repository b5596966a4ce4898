#include "cli/run_label.h"

#include <string>
#include <vector>

#include "tests/catch.h"

namespace ctr::cli {
namespace {

using Words = std::vector<std::string>;

Result<Words> command(const std::string& text, const Words& arguments = {}) {
  const RunLabel label = {text, arguments, "reg/app:1", "web"};
  return label_command(label, [](std::string_view name) { return name == "OPT1" ? std::string("one") : ""; });
}

}  // namespace

TEST_CASE("text is split into words as a shell splits it") {
  CHECK(shell_words("a  b\tc\n").value() == Words{"a", "b", "c"});
  CHECK(shell_words(R"(x "two words" 'it'"'"s \ y ''z)").value() == Words{"x", "two words", "it's", " y", "z"});
  CHECK(shell_words(R"("a\"b" 'c\d')").value() == Words{"a\"b", "c\\d"});
  CHECK(shell_words("a # the rest\nb").value() == Words{"a", "b"});
  CHECK(shell_words("''").value() == Words{""});
  CHECK_FALSE(shell_words("'a"));
}

TEST_CASE("image and name take their places in the command of a label, and the user's words come last") {
  CHECK(command("podman run --name NAME -e IMAGE=IMAGE -e NAME=$NAME IMAGE sh", {"-c", "a b"}).value() ==
        Words{"run", "--name", "web", "-e", "IMAGE=reg/app:1", "-e", "NAME=web", "reg/app:1", "sh", "-c", "a b"});
  CHECK(command("/usr/bin/docker $GLOBAL_OPTS run $OPT1 ${OPT1}x $NOSUCH- a$0b$@ $IMAGE").value() ==
        Words{"run", "one", "onex", "-", "ab", "reg/app:1"});
  CHECK(command("ctr ps '$' 5$ ${x").value() == Words{"ps", "$", "5$", "${x"});
}

TEST_CASE("an image runs no program of the host but ours") {
  for (const char* text : {"", "rm -rf /", "/bin/sh -c 'podman run x'", "notpodman run", "podman/ run"}) {
    const auto words = command(text);
    REQUIRE_FALSE(words);
    CHECK(words.error().code() == Errc::invalid);
  }
}

TEST_CASE("a container is named like its image") {
  CHECK(name_from_image("docker.io/library/busybox:1.36") == "busybox");
  CHECK(name_from_image("localhost:5000/a/b@sha256:00") == "b");
  CHECK(name_from_image("plain") == "plain");
}

}  // namespace ctr::cli
