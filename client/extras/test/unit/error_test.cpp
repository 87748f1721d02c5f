// Errors: names, texts and what follows from them. The table itself is compared with the protocol by
// tests/client/error-table.test.ts.

#include "core/error.h"

#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <string>

using namespace otter;

namespace {

#define OTTER_ROW(number, name, text, retryable, fault) Error::name,
constexpr Error kAll[] = {OTTER_ERROR_TABLE(OTTER_ROW)};
#undef OTTER_ROW

}  // namespace

TEST_CASE("every error has a name and a text of its own, which are safe in JSON") {
  std::set<std::string> names = {nameOf(Error::ok)};
  std::set<std::string> texts = {textOf(Error::ok)};
  for (const Error error : kAll) {
    CAPTURE(nameOf(error));
    CHECK(names.insert(nameOf(error)).second);
    CHECK(texts.insert(textOf(error)).second);
    CHECK(std::strpbrk(textOf(error), "\"\\\n") == nullptr);
    // A report's detail has room for the text and the reset reason (200 characters on the wire).
    CHECK(std::strlen(textOf(error)) < 160);
  }
  CHECK(std::string(nameOf(Error::ok)) == "ok");
  CHECK(std::string(nameOf(Error::pin_mismatch)) == "pin_mismatch");
}

TEST_CASE("numbers, faults and repeats are those of the table") {
  CHECK(static_cast<int>(Error::no_network) == 10);
  CHECK(static_cast<int>(Error::expired) == 71);
  CHECK(faultOf(Error::tls) == Fault::network);
  CHECK(faultOf(Error::known_bad) == Fault::firmware);
  CHECK(faultOf(Error::nvs) == Fault::device);
  CHECK(faultOf(Error::label) == Fault::server);
  CHECK(isRetryable(Error::connection_lost));
  CHECK_FALSE(isRetryable(Error::self_test));
}

TEST_CASE("an error that this library does not know counts against the build and is not repeated") {
  const auto unknown = static_cast<Error>(200);
  CHECK(std::string(nameOf(unknown)) == "unknown");
  CHECK(faultOf(unknown) == Fault::firmware);
  CHECK_FALSE(isRetryable(unknown));
}
