// Which face of mbedTLS there is: 2.28 (tests), 3.x (arduino-esp32 3), or 4.x (arduino-esp32 4), where only PSA is left
// for hashes and random numbers.

#pragma once

#include <mbedtls/version.h>

#if MBEDTLS_VERSION_MAJOR >= 4 && !defined(OTTER_PSA_ONLY)
#define OTTER_PSA_ONLY 1
#endif

#if defined(OTTER_PSA_ONLY) || defined(MBEDTLS_USE_PSA_CRYPTO)
#define OTTER_PSA_NEEDED 1
#include <psa/crypto.h>
#endif

namespace otter {

/** Must have been true before the first call to a function of the library. Costs nothing when it is called again. */
inline bool startCryptoLibrary() {
#if defined(OTTER_PSA_NEEDED)
  return psa_crypto_init() == PSA_SUCCESS;
#else
  return true;
#endif
}

}  // namespace otter
