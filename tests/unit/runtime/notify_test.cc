#include "runtime/container/notify.h"

#include "tests/catch.h"

using namespace ctr::runtime;

TEST_CASE("a container tells of its service, and not who speaks for it") {
  CHECK(allowed_lines("READY=1\nSTATUS=up and running") == "READY=1\nSTATUS=up and running");
  CHECK(allowed_lines("MAINPID=1\nEXTEND_TIMEOUT_USEC=5\nFDSTORE=1") == "EXTEND_TIMEOUT_USEC=5");
  CHECK(allowed_lines("NOTIFYACCESS=all") == "");
  CHECK(allowed_lines("BARRIER=1") == "");
  CHECK(allowed_lines("READY=0") == "");
  CHECK(allowed_lines("") == "");
}

TEST_CASE("the address of a service manager is a path or an abstract name") {
  CHECK(check_notify_address("/run/systemd/notify"));
  CHECK(check_notify_address("@abstract"));
  for (const char* address : {"", "@", "/", "relative", "vsock:1:2"}) CHECK_FALSE(check_notify_address(address));
}
