// The one program of all unit tests: `--test-case=...` runs some of them.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
