#include "offer_validation.h"

#include <string.h>

#include "semver.h"

namespace otter {
namespace {

/** How far the clock of the signer may be ahead of that of the server. */
constexpr int64_t kClockToleranceS = 86400;

/** A running version that is not SemVer cannot be ordered; any release may replace it. */
bool isHigher(const char* offered, const char* running) {
  const VersionOrder order = compareVersions(offered, running);
  return order == VersionOrder::higher || order == VersionOrder::unreadable;
}

/** A server that says an earlier time than the board knows of makes nothing valid again. */
bool isOutOfDate(const Manifest& manifest, int64_t serverS, int64_t leastS) {
  const int64_t nowS = serverS > leastS ? serverS : leastS;
  if (nowS == 0) return false;
  int64_t createdS = 0;
  int64_t expiresS = 0;
  const bool isDated = serverS != 0 && parseInstant(manifest.createdAt, createdS);
  if (isDated && createdS > nowS + kClockToleranceS) return true;
  return parseInstant(manifest.expiresAt, expiresS) && expiresS <= nowS;
}

/** Below the floor, or a jump that would lock out every later build. */
bool isSecurityVersionWrong(uint32_t offered, uint32_t floor) {
  return offered < floor || offered - floor > kMaxSecurityVersionStep;
}

}  // namespace

Error validateOffer(const BoardFacts& board, const CheckAnswer& offer, const Labels& labels) {
  const Manifest& manifest = offer.manifest;
  if (strcmp(manifest.product, board.product) != 0) return Error::product;
  if (strcmp(manifest.chip, board.chip) != 0) return Error::chip;
  if (!isSemver(manifest.version)) return Error::version_invalid;
  if (!offer.isRollback && !isHigher(manifest.version, board.version)) return Error::downgrade;
  if (!matchesLabelRule(board.labelRule, labels)) return Error::label;
  if (board.slotBytes == 0) return Error::no_ota_slot;
  if (manifest.sizeBytes < kMinImageBytes) return Error::size;
  if (manifest.sizeBytes > board.slotBytes || manifest.sizeBytes > board.maxImageBytes) return Error::size;
  if (board.isKnownBad && !(offer.isForgiven && !board.wasForgiven)) return Error::known_bad;
  if (isSecurityVersionWrong(manifest.securityVersion, board.securityFloor)) return Error::security_version;
  if (isOutOfDate(manifest, board.nowS, board.leastS)) return Error::expired;
  return Error::ok;
}

}  // namespace otter
