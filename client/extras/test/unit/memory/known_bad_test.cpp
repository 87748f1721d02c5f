// What counts against a build, and how much: the rules of docs/device-protocol.md.

#include "core/memory/known_bad.h"

#include <doctest/doctest.h>

#include <initializer_list>

#include "core/error_table.h"

using otter::Error;
using otter::Fault;
using otter::ReportStatus;
using otter::weightOfFailure;

namespace {

constexpr Error kAll[] = {
#define OTTER_LISTED(number, name, text, retryable, fault) Error::name,
    OTTER_ERROR_TABLE(OTTER_LISTED)
#undef OTTER_LISTED
};

}  // namespace

TEST_CASE("the network and the server are never held against a build") {
  for (const Error error : kAll) {
    if (faultOf(error) != Fault::network && faultOf(error) != Fault::server) continue;
    CAPTURE(nameOf(error));
    for (const ReportStatus status : {ReportStatus::failed, ReportStatus::rolled_back})
      CHECK(weightOfFailure(status, error) == 0);
  }
}

TEST_CASE("what the board puts off itself is never held against a build") {
  for (const Error error : {Error::busy, Error::deferred, Error::low_power})
    CHECK(weightOfFailure(ReportStatus::failed, error) == 0);
}

TEST_CASE("a build that was left by its own fault is known bad at once") {
  for (const Error error : {Error::crash, Error::watchdog, Error::self_test, Error::boot_rejected})
    CHECK(weightOfFailure(ReportStatus::rolled_back, error) == otter::kKnownBadFailures);
}

TEST_CASE("everything else counts once: lost power, flash, and a trial in which the server was not reached") {
  for (const Error error : {Error::power, Error::brownout, Error::trial_timeout})
    CHECK(weightOfFailure(ReportStatus::rolled_back, error) == 1);
  for (const Error error : {Error::flash_write, Error::image, Error::activate, Error::flash_hash})
    CHECK(weightOfFailure(ReportStatus::failed, error) == 1);
}
