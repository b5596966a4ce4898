// Compiled once for each program of unit tests: Catch2's header takes longer than most tests.
#include "tests/catch.h"
#include "tests/pch/standard.h"
