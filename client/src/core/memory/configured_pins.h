// Pins that came by a signed configuration: kept in NVS beside those of the sketch, never in their place. So nothing
// that is taken here can lock a board out: a connection is good when any pin fits.
//
// One blob with a format version and a CRC, written once for each configuration that is taken. What is torn is none: the
// server sends it again. With the pins it is stored which keys signed them, and they hold only while the running sketch
// would take them from these keys; a board that somebody else flashes does not go on trusting the servers of before. The
// sequence number stays in any case, so that no older configuration is taken again.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../hal/hal.h"
#include "../error.h"
#include "../trust/configuration.h"
#include "../trust/release_signature.h"
#include "../trust/signature.h"

namespace otter {

/** What a configuration is compared with. */
struct ConfigurationFacts {
  const char* product;
  ReleaseKeys keys;
  /** What the server says the time is, and the least that the board knows, in seconds since 1970; 0: not known. */
  int64_t nowS;
  int64_t leastS;
};

class ConfiguredPins {
 public:
  explicit ConfiguredPins(Store& store) : store_(store) {}

  void load(const char* product, const ReleaseKeys& keys);

  const Pin* pins() const { return pins_; }
  size_t count() const { return count_; }
  /** Of the configuration whose pins hold; 0: none. */
  uint32_t sequence() const { return count_ > 0 ? sequence_ : 0; }

  /**
   * Takes a configuration that is no older than the one before, and stores it before it holds; `isNew` says so. One
   * that holds already is `ok`. `configuration`, `product`, `sequence`, `expired`, `signature`, `nvs`: nothing has changed.
   */
  Error take(const Json& value, const ConfigurationFacts& facts, bool& isNew);

 private:
  Error store(const Configuration& configuration, const ReleaseKeys& keys, uint8_t signers);

  Store& store_;
  Pin pins_[kConfiguredPins] = {};
  size_t count_ = 0;
  /** The highest that was taken, also where its pins do not hold any more. */
  uint32_t sequence_ = 0;
};

}  // namespace otter
