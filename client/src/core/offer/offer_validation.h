// Whether this board takes an offer: its own facts count more than what the server says. Pure; answers like the server
// and the simulated boards on every case of protocol/vectors/offers.json.

#pragma once

#include <stdint.h>

#include "../error.h"
#include "label_rule.h"
#include "manifest.h"

namespace otter {

/** What the board knows of itself. */
struct BoardFacts {
  const char* product;
  const char* version;
  const char* chip;
  /** 0: there is no second slot. */
  uint32_t slotBytes;
  /** Of the sketch; the slot and 3.9 MiB bound images, too. */
  uint32_t maxImageBytes;
  /** The highest security version that was ever confirmed here. */
  uint32_t securityFloor;
  const char* labelRule;
  /** This image failed here as often as an image may. */
  bool isKnownBad;
  /** An operator cleared this image with this assignment before; the one attempt that it brought is over. */
  bool wasForgiven;
  /** Seconds since 1970 by the clock of the server; 0 where it did not say. */
  int64_t nowS;
  /** It is at least this late, whatever the server says: this build was built, or another one was signed. 0: unknown. */
  int64_t leastS;
};

/** The first reason against the offer, in the order of docs/device-protocol.md; `ok` takes it. */
Error validateOffer(const BoardFacts& board, const CheckAnswer& offer, const Labels& labels);

}  // namespace otter
