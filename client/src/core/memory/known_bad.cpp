#include "known_bad.h"

#include "../error_table.h"

namespace otter {

uint8_t weightOfFailure(ReportStatus status, Error error) {
  const Fault fault = faultOf(error);
  // Network and server are never held against a build.
  if (fault == Fault::network || fault == Fault::server) return 0;
  // The board itself had no time or no power for it; it is asked again.
  if (error == Error::busy || error == Error::deferred || error == Error::low_power) return 0;
  // A build that did not reach the server may have met one that was down: that alone is no proof.
  const bool isProof = status == ReportStatus::rolled_back && fault == Fault::firmware && error != Error::trial_timeout;
  return isProof ? kKnownBadFailures : 1;
}

}  // namespace otter
