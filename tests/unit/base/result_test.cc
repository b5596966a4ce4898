#include "base/result.h"

#include <string>

#include "tests/catch.h"

using ctr::Errc;
using ctr::Error;
using ctr::Result;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error(Errc::invalid, "'" + std::to_string(number) + "' is odd");
  return number / 2;
}

Result<int> quarter(int number) {
  int once = TRY(half(number).context("first"));
  return TRY(half(once));
}

}  // namespace

TEST_CASE("TRY passes an error on and yields a value") {
  CHECK(*quarter(12) == 3);
  CHECK(quarter(6).error().text() == "'3' is odd");
  CHECK(quarter(5).error().text() == "first: '5' is odd");
}

TEST_CASE("frames print outermost first") {
  Error error = Error::from_errno("mount '/srv/x'", ENOENT).context("start container 'web'").context("run");
  CHECK(error.text() == "run: start container 'web': mount '/srv/x': No such file or directory");
  CHECK(error.code() == Errc::not_found);
  CHECK(error.sys() == ENOENT);
}

TEST_CASE("every code has a name that reads back") {
  for (int code = 0; code <= static_cast<int>(Errc::command_not_executable); ++code) {
    CHECK(ctr::errc_from_name(ctr::errc_name(static_cast<Errc>(code))) == static_cast<Errc>(code));
  }
  CHECK(ctr::errc_name(Errc::command_not_executable) == "command_not_executable");
  CHECK(ctr::errc_from_name("from a later version") == Errc::internal);
}
