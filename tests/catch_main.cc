// Catch2 v2 is a header: its main is compiled in this one file, since it costs ten seconds and more.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
